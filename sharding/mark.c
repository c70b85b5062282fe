#include "sharding/mark.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "sharding/text.h"
#include "wire/check.h"

static const char *const mark_folders[MARK_KINDS] = {
	[MARK_PIN] = "pins/",
	[MARK_FREEZE] = "frozen/",
	[MARK_CORDON] = "cordons/",
	[MARK_DRAIN] = "drains/",
};
static const char *const mark_openings[MARK_KINDS] = {
	[MARK_PIN] = "sagad-pin 1 ",
	[MARK_FREEZE] = "sagad-freeze 1 ",
	[MARK_CORDON] = "sagad-cordon 1 ",
	[MARK_DRAIN] = "sagad-drain 1 ",
};

const char *mark_folder(enum mark_kind kind)
{
	CHECK_LT(kind, MARK_KINDS);
	return mark_folders[kind];
}

static bool mark_reason_valid(struct slice reason)
{
	return reason.size <= MARK_REASON_MAX && wire_text_valid(reason);
}

int mark_encode(enum mark_kind kind, const struct mark *mark, struct buf *out)
{
	const struct slice actor = slice_str(mark->actor);
	const uint32_t start = out->size;

	CHECK_LT(kind, MARK_KINDS);
	if (actor.size == 0 || !text_word_valid(actor, MARK_ACTOR_MAX) ||
	    (kind == MARK_PIN &&
	     (mark->node.size == 0 || slice_equal(id_slice(&mark->node), slice_str("-")))))
		return SAGA_E_NAME;
	if (!mark_reason_valid(slice_str(mark->reason)))
		return SAGA_E_CHARSET;
	(void)buf_printf(out, "%s", mark_openings[kind]);
	if (kind == MARK_PIN)
		(void)buf_printf(out, "node=%s ", mark->node.text);
	(void)buf_printf(out, "actor=%s at=%" PRIu64 " until=%" PRIu64 " reason=%s", mark->actor,
			 mark->at_unix_ms, mark->until_unix_ms, mark->reason);
	if (buf_error(out)) {
		const int error = buf_error(out);

		buf_truncate(out, start);
		return error;
	}
	return 0;
}

static void mark_copy(char *to, struct slice text)
{
	if (text.size > 0)
		memcpy(to, text.data, text.size);
	to[text.size] = '\0';
}

int mark_decode(enum mark_kind kind, struct slice text, struct mark *mark)
{
	struct text_cursor cursor = text_cursor_of(text);
	struct mark m = {0};
	struct slice actor;
	struct slice reason;

	CHECK_LT(kind, MARK_KINDS);
	if (!text_literal(&cursor, mark_openings[kind]))
		return SAGA_E_BAD_REPLY;
	if (kind == MARK_PIN &&
	    (!text_literal(&cursor, "node=") || !text_id(&cursor, false, &m.node) ||
	     m.node.size == 0 || !text_literal(&cursor, " ")))
		return SAGA_E_BAD_REPLY;
	if (!text_literal(&cursor, "actor=") || !text_word(&cursor, MARK_ACTOR_MAX, &actor) ||
	    actor.size == 0 || !text_literal(&cursor, " at=") ||
	    !text_number(&cursor, UINT64_MAX, &m.at_unix_ms) || !text_literal(&cursor, " until=") ||
	    !text_number(&cursor, UINT64_MAX, &m.until_unix_ms) ||
	    !text_literal(&cursor, " reason="))
		return SAGA_E_BAD_REPLY;
	if (cursor.end - cursor.at > MARK_REASON_MAX)
		return SAGA_E_BAD_REPLY;
	reason = slice_of(cursor.at, (uint32_t)(cursor.end - cursor.at));
	if (!mark_reason_valid(reason))
		return SAGA_E_BAD_REPLY;
	mark_copy(m.actor, actor);
	mark_copy(m.reason, reason);
	*mark = m;
	return 0;
}

bool mark_holds(const struct mark *mark, uint64_t now_unix_ms)
{
	return mark->until_unix_ms == 0 || now_unix_ms < mark->until_unix_ms;
}
