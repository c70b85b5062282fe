/* What etcd's gateway answers: replies to requests, and a watch's stream cut at any points.
 *
 * The first byte says what the rest is: the answer to a kind of request with some HTTP status, to
 * an authentication, or pieces of a stream. */
#include <stdlib.h>
#include <string.h>

#include "lease/etcd_codec.h"
#include "lease/etcd_frames.h"
#include "tests/fuzz/fuzz.h"

enum { TEXT_MAX = 1024 * 1024, FRAME_MAX = 64 * 1024, FRAMES_KEPT = 64 };

static void within(const struct etcd_reply *reply, struct slice part)
{
	if (part.size == 0)
		return;
	CHECK(part.data >= reply->text.data);
	CHECK(part.data + part.size <= reply->text.data + reply->text.size);
}

static void parse_reply(enum lease_request_kind kind, long status, struct slice body)
{
	struct etcd_reply reply;

	etcd_reply_init(&reply, TEXT_MAX);
	for (int round = 0; round < 2; round++) { /* the second time in used memory */
		etcd_reply_clear(&reply);
		etcd_reply_parse(kind, status, body, &reply);
		CHECK(reply.error <= 0);
		CHECK(memchr(reply.message, '\0', sizeof reply.message) != NULL);
		CHECK(reply.error == 0 || err_class(reply.error) != ERR_CLASS_NONE);
		for (uint32_t i = 0; i < reply.kv_count; i++) {
			within(&reply, reply.kvs[i].key);
			within(&reply, reply.kvs[i].value);
		}
		/* Only what was carried out for sure is told as done. */
		CHECK(status == 200 || reply.error != 0 || kind == LEASE_REVOKE);
		CHECK(reply.error != 0 || kind != LEASE_GRANT || reply.lease_id != 0);
	}
	etcd_reply_close(&reply);
}

/* How a stream of the same bytes ends up, in words that do not depend on where it was cut. */
struct outcome {
	uint32_t frames;
	uint32_t sizes[FRAMES_KEPT];
	int error;
};

static void take_frame(struct outcome *o, struct slice frame)
{
	struct etcd_watch_frame parsed;
	const int error = etcd_watch_parse(frame, &parsed);

	CHECK(frame.size >= 2 && frame.data[0] == '{' && frame.data[frame.size - 1] == '}');
	CHECK(error == 0 || error == SAGA_E_BAD_REPLY);
	if (error == 0)
		CHECK(memchr(parsed.message, '\0', sizeof parsed.message) != NULL);
	o->sizes[o->frames++ % FRAMES_KEPT] = frame.size;
}

static void feed(struct etcd_frames *f, struct slice input, struct outcome *o)
{
	while (input.size > 0 && o->error == 0) {
		struct slice frame;
		const int got = etcd_frames_next(f, &input, &frame);

		if (got < 0)
			o->error = got;
		else if (got == 1)
			take_frame(o, frame);
	}
}

/* Piece lengths come from the bytes themselves, so that the fuzzer can choose them. */
static void parse_stream(uint8_t cut, struct slice input)
{
	struct outcome whole = {0}, pieces = {0};
	struct etcd_frames f;

	etcd_frames_init(&f, FRAME_MAX);
	feed(&f, input, &whole);
	etcd_frames_reset(&f);
	for (uint32_t at = 0; at < input.size && pieces.error == 0;) {
		uint32_t size = 1 + (uint32_t)(input.data[at] ^ cut) % 32;

		if (size > input.size - at)
			size = input.size - at;
		/* Exactly sized memory: a read beyond a piece is seen. */
		uint8_t *piece = malloc(size);

		CHECK(piece != NULL);
		memcpy(piece, input.data + at, size);
		feed(&f, slice_of(piece, size), &pieces);
		free(piece);
		at += size;
	}
	etcd_frames_close(&f);
	CHECK_EQ(whole.frames, pieces.frames);
	CHECK_EQ(whole.error, pieces.error);
	CHECK_EQ(memcmp(whole.sizes, pieces.sizes, sizeof whole.sizes), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const long statuses[] = {200, 400, 401, 404, 429, 500, 503, 504};
	char token[ETCD_TOKEN_MAX];

	if (size < 2)
		return 0;
	const uint8_t what = data[0];
	const struct slice rest = slice_of(data + 1, (uint32_t)size - 1);
	const long status = statuses[what >> 3 & 7];

	switch (what & 7) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		parse_reply((enum lease_request_kind)(LEASE_GRANT + (what & 7)), status, rest);
		break;
	case 5:
		if (etcd_authenticate_parse(status, rest, token) == 0)
			CHECK(token[0] != '\0' && strlen(token) < sizeof token);
		break;
	default:
		parse_stream(what >> 3, rest);
		break;
	}
	return 0;
}
