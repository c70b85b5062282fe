#include "tests/support/garbage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <nats/nats.h>

#include "base/prng.h"
#include "wire/codec.h"
#include "wire/subject.h"

enum { SUBJECTS_MAX = 1024, BYTES_MAX = 512, FLUSH_MS = 30000 };

static uint32_t subjects_of(struct subject *subjects, uint32_t shard_count)
{
	static const char *const parties[] = {"default", "svc-a"};
	static const char *const services[] = {"svc-a", "svc-b", "svc-c"};
	uint32_t count = 0;
	subjects[count++] = subject_info("saga");
	subjects[count++] = subject_init("saga");
	subjects[count++] = subject_alert("saga");
	for (uint32_t n = 0; n < shard_count; n++)
		for (int verb = 0; verb < SUBJECT_VERBS; verb++)
			for (uint32_t p = 0; p < 2; p++)
				subjects[count++] = subject_shard(
					"saga", n, (enum subject_verb)verb, slice_str(parties[p]));
	for (uint32_t i = 0; i < 3; i++)
		subjects[count++] = subject_command("saga", slice_str(services[i]));
	return count;
}

/* Random bytes, a damaged real message, a declared 4 GiB array, deep nesting, or nothing. */
static uint32_t invent(struct prng *p, uint8_t bytes[BYTES_MAX])
{
	static const uint8_t bomb[] = {0xdd, 0xff, 0xff, 0xff, 0xff, 0x01};
	const struct wire_query query = {.id = slice_str("garbage-id"), .wait = true};
	struct buf out;
	uint32_t size = (uint32_t)prng_below(p, BYTES_MAX);
	switch (prng_below(p, 5)) {
	case 0:
		for (uint32_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)prng_next(p);
		return size;
	case 1:
		buf_init_fixed(&out, bytes, BYTES_MAX);
		assert_int_equal(wire_encode(WIRE_QUERY, &query, &out), 0);
		bytes[prng_below(p, out.size)] ^= (uint8_t)(1 + prng_below(p, 255));
		return out.size;
	case 2:
		memcpy(bytes, bomb, sizeof bomb);
		return sizeof bomb;
	case 3:
		memset(bytes, 0x91, size);
		return size;
	default:
		return 0;
	}
}

void garbage_everywhere(const char *nats_url, uint32_t shard_count, uint32_t count)
{
	static struct subject subjects[SUBJECTS_MAX];
	static const char *const replies[] = {NULL, "_INBOX.garbage.1", "saga.v1.info"};
	natsConnection *connection = NULL;
	struct prng p;
	uint8_t bytes[BYTES_MAX];
	prng_seed(&p, 4711);
	assert_int_equal(natsConnection_ConnectTo(&connection, nats_url), NATS_OK);
	const uint32_t subject_count = subjects_of(subjects, shard_count);
	assert_in_range(subject_count, 1, SUBJECTS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t s = 0; s < subject_count; s++) {
			const uint32_t size = invent(&p, bytes);
			const char *reply = replies[prng_below(&p, 3)];
			const natsStatus status =
				reply == NULL
					? natsConnection_Publish(connection, subjects[s].text,
								 bytes, (int)size)
					: natsConnection_PublishRequest(connection,
									subjects[s].text, reply,
									bytes, (int)size);
			assert_int_equal(status, NATS_OK);
		}
	}
	assert_int_equal(natsConnection_FlushTimeout(connection, FLUSH_MS), NATS_OK);
	natsConnection_Destroy(connection);
}
