#include "node/outbox.h"

#include "base/check.h"

/* Entries stand one after the other in the buffer: this, the subject with its NUL, the data. */
struct entry_head {
	uint64_t gate;
	uint64_t leave_by_ms;
	uint32_t subject_size; /* with the NUL */
	uint32_t data_size;
};

enum { COMPACT_AT = 1024 * 1024 };

void outbox_init(struct outbox *o, uint32_t bytes_max)
{
	*o = (struct outbox){0};
	buf_init(&o->bytes, bytes_max);
}

void outbox_close(struct outbox *o)
{
	buf_close(&o->bytes);
}

void outbox_clear(struct outbox *o)
{
	buf_clear(&o->bytes);
	o->head = 0;
	o->count = 0;
	o->last_gate = 0;
}

static void compact(struct outbox *o)
{
	const uint32_t left = o->bytes.size - o->head;
	memmove(o->bytes.data, o->bytes.data + o->head, left);
	buf_truncate(&o->bytes, left);
	o->head = 0;
}

int outbox_put(struct outbox *o, uint64_t gate, uint64_t leave_by_ms, const char *subject,
	       struct slice data)
{
	if (gate < o->last_gate)
		gate = o->last_gate;
	const struct entry_head head = {
		.gate = gate,
		.leave_by_ms = leave_by_ms,
		.subject_size = (uint32_t)strlen(subject) + 1,
		.data_size = data.size,
	};
	/* What has left must not take the room of what is to come. */
	if (o->head > 0 &&
	    (uint64_t)o->bytes.size + sizeof head + head.subject_size + data.size > o->bytes.max)
		compact(o);
	const uint32_t before = o->bytes.size;
	(void)buf_put(&o->bytes, &head, sizeof head);
	(void)buf_put(&o->bytes, subject, head.subject_size);
	if (buf_put_slice(&o->bytes, data) != 0) {
		buf_truncate(&o->bytes, before);
		return SAGA_E_FULL;
	}
	o->last_gate = gate;
	o->count++;
	return 0;
}

static struct entry_head head_at(const struct outbox *o)
{
	struct entry_head head;
	CHECK_LE(o->head + sizeof head, o->bytes.size);
	memcpy(&head, o->bytes.data + o->head, sizeof head);
	return head;
}

bool outbox_peek(const struct outbox *o, uint64_t durable, struct outbox_entry *entry)
{
	if (o->count == 0)
		return false;
	const struct entry_head head = head_at(o);
	if (head.gate > durable)
		return false;
	const uint8_t *subject = o->bytes.data + o->head + sizeof head;
	entry->gate = head.gate;
	entry->leave_by_ms = head.leave_by_ms;
	entry->subject = (const char *)subject;
	entry->data = slice_of(subject + head.subject_size, head.data_size);
	return true;
}

void outbox_pop(struct outbox *o)
{
	CHECK(o->count > 0);
	const struct entry_head head = head_at(o);
	o->head += (uint32_t)sizeof head + head.subject_size + head.data_size;
	o->count--;
	if (o->count == 0) {
		CHECK_EQ(o->head, o->bytes.size);
		buf_clear(&o->bytes);
		o->head = 0;
		return;
	}
	if (o->head >= COMPACT_AT && o->head > o->bytes.size / 2)
		compact(o);
}
