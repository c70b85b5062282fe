#include "journal/ack.h"

#include "journal/json_scan.h"

/* "wrong last sequence: 12" -> 12; 0 when the text says nothing. */
static uint64_t hint_of(struct slice json)
{
	struct slice text;
	uint64_t hint = 0;
	uint32_t at;

	if (!json_scan_text(json, "error.description", &text))
		return 0;
	for (at = text.size; at > 0 && text.data[at - 1] >= '0' && text.data[at - 1] <= '9';)
		at--;
	if (text.size - at > 19) /* 20 digits may not fit; no log is that long */
		return 0;
	for (; at < text.size; at++)
		hint = hint * 10 + (uint64_t)(text.data[at] - '0');
	return hint;
}

static struct ack read_error(struct slice json)
{
	struct ack ack = {.status = JOURNAL_UNKNOWN};
	uint64_t code = 0;

	if (json_scan_u64(json, "error.err_code", &code) && code <= UINT32_MAX)
		ack.error_code = (uint32_t)code;
	if (ack.error_code == ACK_WRONG_LAST_SEQUENCE ||
	    ack.error_code == ACK_WRONG_LAST_SEQUENCE_CONSTANT) {
		ack.status = JOURNAL_REFUSED;
		ack.sequence = hint_of(json);
	}
	return ack;
}

struct ack ack_read(struct slice json, const char *stream, uint64_t expected)
{
	const struct ack unknown = {.status = JOURNAL_UNKNOWN};
	struct ack ack = {.status = JOURNAL_STORED};
	struct slice value;

	if (!json_scan_whole(json))
		return unknown;
	if (json_scan_find(json, "error", &value))
		return read_error(json);
	if (!json_scan_text(json, "stream", &value) || !json_scan_u64(json, "seq", &ack.sequence) ||
	    ack.sequence == 0)
		return unknown;
	if (!slice_equal(value, slice_str(stream)) || json_scan_true(json, "duplicate") ||
	    (expected != JOURNAL_UNFENCED && ack.sequence != expected + 1)) {
		ack.status = JOURNAL_REFUSED;
		ack.broken = true;
	}
	return ack;
}
