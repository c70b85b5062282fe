#include "wire/encode.h"

#include "base/check.h"
#include "wire/check.h"
#include "wire/codec.h"
#include "wire/pack.h"

/* A struct, or an array of structs, that is being written. */
struct encode_frame {
	const struct wire_table *table;
	const uint8_t *base; /* the struct */
	uint32_t next;       /* index of the next field */
	uint32_t more;       /* structs that follow this one in its array */
	uint32_t count;      /* pairs written so far */
	uint32_t head;       /* where the map's head stands, until its count is known; or NO_HEAD */
};
enum { SHORT_MAP_MAX = 15 }; /* pairs of a map whose head is one byte */
#define NO_HEAD UINT32_MAX

struct encoder {
	struct buf *out;
	struct encode_frame frames[WIRE_NESTING_MAX];
	uint32_t depth;
};

/* Members are read with memcpy: the caller's struct is only known by its table. */
static uint32_t load_u32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof value);
	return value;
}

static uint64_t load_number(const struct wire_field *field, const uint8_t *base)
{
	if (field->type == WIRE_TYPE_BOOL)
		return base[field->offset] != 0;
	if (field->type == WIRE_TYPE_U32)
		return load_u32(base + field->offset);

	uint64_t value;
	memcpy(&value, base + field->offset, sizeof value);
	return value;
}

static struct slice load_slice(const struct wire_field *field, const uint8_t *base)
{
	struct slice bytes;
	memcpy(&bytes, base + field->offset, sizeof bytes);
	return bytes;
}

static bool any_bit(const uint8_t *bytes, uint32_t size)
{
	uint8_t bits = 0;

	for (uint32_t i = 0; i < size; i++)
		bits |= bytes[i];
	return bits != 0;
}

static bool leaf_present(const struct wire_field *field, const uint8_t *base)
{
	switch ((enum wire_type)field->type) {
	case WIRE_TYPE_BOOL:
	case WIRE_TYPE_U32:
	case WIRE_TYPE_U64:
		return load_number(field, base) != 0;
	case WIRE_TYPE_NAME:
	case WIRE_TYPE_TEXT:
	case WIRE_TYPE_BIN:
		return load_slice(field, base).size != 0;
	case WIRE_TYPE_UUID:
	case WIRE_TYPE_HASH:
		return any_bit(base + field->offset, UUID_SIZE);
	case WIRE_TYPE_ARRAY:
		return load_u32(base + field->count_offset) != 0;
	case WIRE_TYPE_STRUCT:
		break;
	}
	CHECK(field->type != WIRE_TYPE_STRUCT); /* optional structs hold numbers only: schema.h */
	return true;
}

/* Whether the field is written at all. */
static bool present(const struct wire_field *field, const uint8_t *base)
{
	if ((field->flags & WIRE_FIELD_REQUIRED) != 0)
		return true;
	if (field->type != WIRE_TYPE_STRUCT)
		return leaf_present(field, base);
	for (uint32_t i = 0; i < field->nested->field_count; i++)
		if (leaf_present(&field->nested->fields[i], base + field->offset))
			return true;
	return false;
}

/* A map of few pairs has a head of one byte, which gets its count at the end. Else the count comes
 * first. */
static void begin_struct(const struct encoder *encoder, struct encode_frame *frame, uint32_t extra)
{
	const struct wire_table *table = frame->table;
	uint32_t count = extra;

	frame->next = 0;
	frame->count = extra;
	frame->head = encoder->out->size;
	if (table->field_count + extra > SHORT_MAP_MAX) {
		frame->head = NO_HEAD;
		for (uint32_t i = 0; i < table->field_count; i++)
			count += present(&table->fields[i], frame->base);
	}
	wire_pack_map(encoder->out, count);
}

static void end_struct(const struct encoder *encoder, const struct encode_frame *frame)
{
	if (frame->head != NO_HEAD && buf_error(encoder->out) == 0)
		(void)wire_pack_head_map(encoder->out->data + frame->head, frame->count);
}

static void push(struct encoder *encoder, const struct wire_table *table, const uint8_t *base,
		 uint32_t count, uint32_t extra)
{
	CHECK_LT(encoder->depth, WIRE_NESTING_MAX);
	struct encode_frame *frame = &encoder->frames[encoder->depth++];
	frame->table = table;
	frame->base = base;
	frame->more = count - 1;
	begin_struct(encoder, frame, extra);
}

/* The errors of these stick in the buffer. Nearly always there is room for the longest form; near
 * the end of the buffer the slow way finds out what fits. */
static inline void put_number(struct buf *out, uint8_t key, uint64_t value)
{
	uint8_t *at = buf_room(out, 1 + WIRE_PACK_NUMBER_MAX);

	if (at == NULL) {
		wire_pack_unsigned(out, key);
		wire_pack_unsigned(out, value);
		return;
	}
	*at = key;
	at = wire_pack_number(at + 1, value);
	out->size = (uint32_t)(at - out->data);
}

static inline void put_run(struct buf *out, uint8_t key, struct slice bytes, bool text)
{
	/* No overflow: the size was checked against a limit of some hundred KiB. */
	uint8_t *at = buf_room(out, 1 + WIRE_PACK_HEAD_MAX + bytes.size);

	if (at == NULL) {
		wire_pack_unsigned(out, key);
		if (text)
			wire_pack_str(out, bytes);
		else
			wire_pack_bin(out, bytes);
		return;
	}
	*at = key;
	at = text ? wire_pack_head_str(at + 1, bytes.size) : wire_pack_head_bin(at + 1, bytes.size);
	if (bytes.size > 0)
		memcpy(at, bytes.data, bytes.size);
	out->size = (uint32_t)(at + bytes.size - out->data);
}

static int put_array(struct encoder *encoder, const struct wire_field *field, const uint8_t *base)
{
	const uint32_t count = load_u32(base + field->count_offset);
	const int error = wire_check_count(field, count);
	if (error != 0)
		return error;

	const uint8_t *elements;
	memcpy(&elements, base + field->offset, sizeof elements);
	wire_pack_unsigned(encoder->out, field->key);
	wire_pack_array(encoder->out, count);
	if (count > 0)
		push(encoder, field->nested, elements, count, 0);
	return 0;
}

static int put_bytes(const struct encoder *encoder, const struct wire_field *field,
		     struct slice bytes)
{
	const int error = wire_check_bytes(field, bytes);

	if (error != 0)
		return error;
	if (field->type == WIRE_TYPE_TEXT && !wire_text_valid(bytes))
		return SAGA_E_CHARSET;
	put_run(encoder->out, field->key, bytes, field->type != WIRE_TYPE_BIN);
	return 0;
}

static int put_struct(struct encoder *encoder, const struct wire_field *field, const uint8_t *base)
{
	wire_pack_unsigned(encoder->out, field->key);
	if (field->nested == &wire_table_plan) {
		struct wire_plan plan;
		memcpy(&plan, base + field->offset, sizeof plan);
		if (plan.encoded.size > 0)
			return buf_put_slice(encoder->out, plan.encoded);
	}
	push(encoder, field->nested, base + field->offset, 1, 0);
	return 0;
}

/* Writes the field if it is there: zeros are left out, so equal messages have equal bytes. */
static int put_field(struct encoder *encoder, struct encode_frame *frame,
		     const struct wire_field *field)
{
	const uint8_t *base = frame->base;
	const bool required = (field->flags & WIRE_FIELD_REQUIRED) != 0;
	struct slice bytes;
	uint64_t number;

	switch ((enum wire_type)field->type) {
	case WIRE_TYPE_U32:
	case WIRE_TYPE_U64:
		number = load_number(field, base);
		if (number == 0 && !required)
			return 0;
		frame->count++;
		put_number(encoder->out, field->key, number);
		return wire_check_number(field, number);
	case WIRE_TYPE_NAME:
	case WIRE_TYPE_TEXT:
	case WIRE_TYPE_BIN:
		bytes = load_slice(field, base);
		if (bytes.size == 0 && !required)
			return 0;
		frame->count++;
		return put_bytes(encoder, field, bytes);
	case WIRE_TYPE_BOOL:
	case WIRE_TYPE_UUID:
	case WIRE_TYPE_HASH:
	case WIRE_TYPE_STRUCT:
	case WIRE_TYPE_ARRAY:
		break;
	}
	if (!present(field, base))
		return 0;
	frame->count++;
	if (field->type == WIRE_TYPE_STRUCT)
		return put_struct(encoder, field, base);
	if (field->type == WIRE_TYPE_ARRAY)
		return put_array(encoder, field, base);
	if (field->type != WIRE_TYPE_BOOL) {
		put_run(encoder->out, field->key, slice_of(base + field->offset, UUID_SIZE), false);
		return 0;
	}
	wire_pack_unsigned(encoder->out, field->key);
	wire_pack_bool(encoder->out, base[field->offset] != 0);
	return 0;
}

static int run(struct encoder *encoder)
{
	while (encoder->depth > 0) {
		struct encode_frame *frame = &encoder->frames[encoder->depth - 1];

		if (frame->next < frame->table->field_count) {
			const struct wire_field *field = &frame->table->fields[frame->next++];
			const int error = put_field(encoder, frame, field);
			if (error != 0)
				return error;
			continue;
		}
		end_struct(encoder, frame);
		if (frame->more == 0) {
			encoder->depth--;
			continue;
		}
		frame->more--;
		frame->base += frame->table->size;
		begin_struct(encoder, frame, 0);
	}
	return 0;
}

/* `kind` WIRE_NONE: no keys 0 and 1. */
static int encode(enum wire_kind kind, const struct wire_table *table, const void *message,
		  struct buf *out)
{
	const uint32_t start = out->size;
	struct encoder encoder;

	if (buf_error(out) != 0)
		return buf_error(out);
	encoder.out = out;
	encoder.depth = 0;
	push(&encoder, table, message, 1, kind == WIRE_NONE ? 0 : 2);
	if (kind != WIRE_NONE) {
		wire_pack_unsigned(out, WIRE_KEY_FORMAT);
		wire_pack_unsigned(out, WIRE_FORMAT);
		wire_pack_unsigned(out, WIRE_KEY_KIND);
		wire_pack_unsigned(out, (uint64_t)kind);
	}

	int error = run(&encoder);
	if (error == 0)
		error = buf_error(out);
	if (error == 0 && out->size - start > WIRE_MESSAGE_SIZE_MAX)
		error = SAGA_E_TOO_LARGE;
	if (error != 0)
		buf_truncate(out, start);
	return error;
}

int wire_encode(enum wire_kind kind, const void *message, struct buf *out)
{
	const struct wire_table *table = wire_table_of(kind);

	CHECK(table != NULL);
	CHECK(message != NULL);
	return encode(kind, table, message, out);
}

int wire_encode_table(const struct wire_table *table, const void *message, struct buf *out)
{
	return encode(WIRE_NONE, table, message, out);
}
