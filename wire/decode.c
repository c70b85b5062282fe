#include "wire/decode.h"

#include "base/check.h"
#include "wire/check.h"
#include "wire/codec.h"
#include "wire/cursor.h"
#include "wire/plan_cache.h"
#include "wire/scan.h"

/* A struct, or an array of structs, that is being filled. */
struct decode_frame {
	const struct wire_table *table;
	uint8_t *base;   /* the struct */
	uint64_t left;   /* pairs of its map still to come */
	uint32_t more;   /* structs that follow this one in its array */
	uint32_t hint;   /* index of the field that is likely to come next */
	uint64_t seen;   /* a bit for each field there was */
	uint32_t offset; /* where its map began, for faults */
};

struct decoder {
	struct wire_cursor cursor;
	struct arena *arena;
	struct wire_fault fault;
	struct decode_frame frames[WIRE_NESTING_MAX];
	uint32_t depth;
	bool plain;                          /* without keys 0 and 1 */
	struct wire_known_span span;         /* of the plan that is known */
	const struct wire_known_plan *known; /* or NULL */
};

static int fail(struct decoder *decoder, int code, uint32_t offset, const char *field)
{
	decoder->fault = (struct wire_fault){.code = code, .offset = offset, .field = field};
	return code;
}

/* Senders write keys in rising order, so the search nearly always ends where it starts. */
static const struct wire_field *find_field(struct decode_frame *frame, uint64_t key)
{
	const struct wire_table *table = frame->table;
	uint32_t index = frame->hint;

	for (uint32_t i = 0; i < table->field_count; i++, index++) {
		if (index == table->field_count)
			index = 0;
		if (table->fields[index].key == key) {
			frame->hint = index + 1 == table->field_count ? 0 : index + 1;
			frame->seen |= UINT64_C(1) << index;
			return &table->fields[index];
		}
	}
	return NULL;
}

/* Begins the next struct of a frame: reads its map header. */
static int begin_struct(struct decoder *decoder, struct decode_frame *frame, const char *name)
{
	struct wire_token token;
	const int error = wire_cursor_next(&decoder->cursor, &token);

	if (error != 0)
		return fail(decoder, error, token.offset, name);
	if (token.type != WIRE_TOKEN_MAP)
		return fail(decoder, SAGA_E_TYPE, token.offset, name);
	frame->left = token.number;
	frame->hint = 0;
	frame->seen = 0;
	frame->offset = token.offset;
	return 0;
}

static int end_struct(struct decoder *decoder, const struct decode_frame *frame)
{
	for (uint32_t i = 0; i < frame->table->field_count; i++) {
		const struct wire_field *field = &frame->table->fields[i];
		if ((field->flags & WIRE_FIELD_REQUIRED) != 0 && (frame->seen >> i & 1) == 0)
			return fail(decoder, SAGA_E_MISSING, frame->offset, field->name);
	}
	return 0;
}

static int push(struct decoder *decoder, const struct wire_table *table, void *base, uint32_t count,
		const char *name)
{
	CHECK_LT(decoder->depth, WIRE_NESTING_MAX);
	struct decode_frame *frame = &decoder->frames[decoder->depth++];
	frame->table = table;
	frame->base = base;
	frame->more = count - 1;
	return begin_struct(decoder, frame, name);
}

static int take_struct(struct decoder *decoder, const struct wire_field *field, uint8_t *base)
{
	if (decoder->known == NULL || decoder->cursor.at != decoder->span.begin)
		return push(decoder, field->nested, base + field->offset, 1, field->name);
	CHECK(field->nested == &wire_table_plan);
	memcpy(base + field->offset, &decoder->known->plan, sizeof decoder->known->plan);
	decoder->cursor.at = decoder->span.end;
	return 0;
}

static int take_number(struct decoder *decoder, const struct wire_field *field, uint8_t *base,
		       const struct wire_token *token)
{
	if (token->type == WIRE_TOKEN_NEGATIVE || token->type == WIRE_TOKEN_FLOAT)
		return fail(decoder, SAGA_E_RANGE, token->offset, field->name);
	if (token->type != WIRE_TOKEN_UNSIGNED)
		return fail(decoder, SAGA_E_TYPE, token->offset, field->name);

	const int error = wire_check_number(field, token->number);
	if (error != 0)
		return fail(decoder, error, token->offset, field->name);
	if (field->type == WIRE_TYPE_U64) {
		memcpy(base + field->offset, &token->number, sizeof token->number);
	} else {
		const uint32_t number = (uint32_t)token->number; /* in range: the table says so */
		memcpy(base + field->offset, &number, sizeof number);
	}
	return 0;
}

static int take_bytes(struct decoder *decoder, const struct wire_field *field, uint8_t *base,
		      const struct wire_token *token)
{
	const bool text = field->type == WIRE_TYPE_NAME || field->type == WIRE_TYPE_TEXT;

	if (token->type != (text ? WIRE_TOKEN_STR : WIRE_TOKEN_BIN))
		return fail(decoder, SAGA_E_TYPE, token->offset, field->name);
	/* The scan has made sure that every str is clean text. */
	const int error = wire_check_bytes(field, token->bytes);
	if (error != 0)
		return fail(decoder, error, token->offset, field->name);
	memcpy(base + field->offset, &token->bytes, sizeof token->bytes);
	return 0;
}

static int take_fixed(struct decoder *decoder, const struct wire_field *field, uint8_t *base,
		      const struct wire_token *token)
{
	if (token->type != WIRE_TOKEN_BIN)
		return fail(decoder, SAGA_E_TYPE, token->offset, field->name);
	if (token->bytes.size != UUID_SIZE)
		return fail(decoder, SAGA_E_RANGE, token->offset, field->name);
	memcpy(base + field->offset, token->bytes.data, UUID_SIZE);
	return 0;
}

static int take_array(struct decoder *decoder, const struct wire_field *field, uint8_t *base,
		      const struct wire_token *token)
{
	if (token->type != WIRE_TOKEN_ARRAY)
		return fail(decoder, SAGA_E_TYPE, token->offset, field->name);
	const int error = wire_check_count(field, token->number);
	if (error != 0)
		return fail(decoder, error, token->offset, field->name);

	const uint32_t count = (uint32_t)token->number;
	if (count == 0)
		return 0;
	void *elements = arena_take(decoder->arena, (size_t)count * field->nested->size);
	if (elements == NULL)
		return fail(decoder, SAGA_E_TOO_LARGE, token->offset, field->name);
	memcpy(base + field->offset, &elements, sizeof elements);
	memcpy(base + field->count_offset, &count, sizeof count);
	return push(decoder, field->nested, elements, count, field->name);
}

static int take_value(struct decoder *decoder, const struct wire_field *field, uint8_t *base)
{
	if (field->type == WIRE_TYPE_STRUCT)
		return take_struct(decoder, field, base);

	struct wire_token token;
	const int error = wire_cursor_next(&decoder->cursor, &token);
	if (error != 0)
		return fail(decoder, error, token.offset, field->name);

	switch ((enum wire_type)field->type) {
	case WIRE_TYPE_BOOL:
		if (token.type != WIRE_TOKEN_BOOL)
			return fail(decoder, SAGA_E_TYPE, token.offset, field->name);
		base[field->offset] = (uint8_t)token.number;
		return 0;
	case WIRE_TYPE_U32:
	case WIRE_TYPE_U64:
		return take_number(decoder, field, base, &token);
	case WIRE_TYPE_NAME:
	case WIRE_TYPE_TEXT:
	case WIRE_TYPE_BIN:
		return take_bytes(decoder, field, base, &token);
	case WIRE_TYPE_UUID:
	case WIRE_TYPE_HASH:
		return take_fixed(decoder, field, base, &token);
	case WIRE_TYPE_ARRAY:
		return take_array(decoder, field, base, &token);
	case WIRE_TYPE_STRUCT:
		break;
	}
	return fail(decoder, SAGA_E_INTERNAL, token.offset, field->name);
}

static int take_pair(struct decoder *decoder, struct decode_frame *frame)
{
	struct wire_token key;
	int error = wire_cursor_next(&decoder->cursor, &key);

	if (error != 0)
		return fail(decoder, error, key.offset, "");
	frame->left--;

	const struct wire_field *field = find_field(frame, key.number);
	if (field != NULL)
		return take_value(decoder, field, frame->base);

	/* Format and kind were read before the walk; nested maps have none. */
	const bool head = decoder->depth == 1 && key.number < WIRE_KEY_FIRST && !decoder->plain;
	if (!head && key.number < WIRE_KEY_OPTIONAL)
		return fail(decoder, SAGA_E_FIELD, key.offset, frame->table->name);
	error = wire_cursor_skip(&decoder->cursor);
	return error == 0 ? 0 : fail(decoder, error, key.offset, "");
}

static int run(struct decoder *decoder)
{
	while (decoder->depth > 0) {
		struct decode_frame *frame = &decoder->frames[decoder->depth - 1];
		int error;

		if (frame->left > 0) {
			error = take_pair(decoder, frame);
		} else {
			error = end_struct(decoder, frame);
			if (error == 0 && frame->more > 0) {
				frame->more--;
				frame->base += frame->table->size;
				error = begin_struct(decoder, frame, frame->table->name);
			} else {
				decoder->depth--;
			}
		}
		if (error != 0)
			return error;
	}
	return 0;
}

/* Format and kind of the map in `bytes`. With a well-behaved sender they are the first two pairs;
 * else the values before them are stepped over. Safe on bytes that were not scanned. */
static int read_head(struct slice bytes, uint64_t *kind, struct wire_fault *fault)
{
	struct wire_cursor cursor = wire_cursor_of(bytes);
	struct wire_token token = {.number = 0};
	bool found[2] = {false, false};

	int error = wire_cursor_next(&cursor, &token);
	if (error == 0 && token.type != WIRE_TOKEN_MAP)
		error = SAGA_E_TYPE;
	*fault = (struct wire_fault){.code = error, .field = ""};

	for (uint64_t left = token.number; error == 0 && left > 0; left--) {
		error = wire_cursor_next(&cursor, &token);
		fault->offset = token.offset;
		if (error != 0)
			break;
		if (token.type != WIRE_TOKEN_UNSIGNED || token.number >= WIRE_KEY_FIRST) {
			error = token.type == WIRE_TOKEN_UNSIGNED ? wire_cursor_skip(&cursor)
								  : SAGA_E_TYPE;
			continue;
		}

		const uint64_t key = token.number;
		error = wire_cursor_next(&cursor, &token);
		fault->offset = token.offset;
		fault->field = key == WIRE_KEY_FORMAT ? "format" : "kind";
		if (error == 0 && token.type != WIRE_TOKEN_UNSIGNED)
			error = SAGA_E_TYPE;
		if (error == 0 && key == WIRE_KEY_FORMAT && token.number != WIRE_FORMAT)
			error = SAGA_E_VERSION;
		if (error == 0 && key == WIRE_KEY_KIND)
			*kind = token.number;
		found[key] = true;
		if (error == 0 && found[0] && found[1])
			return 0;
	}
	if (error == 0) {
		error = SAGA_E_MISSING;
		fault->field = found[0] ? "kind" : "format";
	}
	fault->code = error;
	return error;
}

static struct decoder decoder_of(struct arena *arena)
{
	struct decoder decoder;

	decoder.arena = arena;
	decoder.depth = 0;
	decoder.fault = (struct wire_fault){.code = 0, .offset = 0, .field = ""};
	decoder.plain = false;
	decoder.span = (struct wire_known_span){0, 0};
	decoder.known = NULL;
	return decoder;
}

static int decode_table(struct decoder *decoder, const struct wire_table *table, struct slice bytes,
			void *message)
{
	decoder->cursor = wire_cursor_of(bytes);
	memset(message, 0, table->size);
	const int error = push(decoder, table, message, 1, table->name);
	return error == 0 ? run(decoder) : error;
}

static int decode(struct decoder *decoder, enum wire_kind kind, struct slice bytes, void *message)
{
	const struct wire_table *table = wire_table_of(kind);
	uint64_t wire_kind = 0;
	uint32_t offset;

	CHECK(table != NULL);
	int error = wire_scan_around(bytes, decoder->span, &offset);
	if (error != 0)
		return fail(decoder, error, offset, "");
	error = read_head(bytes, &wire_kind, &decoder->fault);
	if (error != 0)
		return error;
	if (wire_kind != (uint64_t)kind)
		return fail(decoder, SAGA_E_KIND, 0, "kind");
	return decode_table(decoder, table, bytes, message);
}

int wire_decode(enum wire_kind kind, struct slice bytes, struct arena *arena, void *message,
		struct wire_fault *fault)
{
	struct decoder decoder = decoder_of(arena);
	const int error = decode(&decoder, kind, bytes, message);

	if (fault != NULL)
		*fault = decoder.fault;
	return error;
}

int wire_decode_table(const struct wire_table *table, struct slice bytes, struct arena *arena,
		      void *message)
{
	struct decoder decoder = decoder_of(arena);
	uint32_t offset;
	const int error = wire_scan(bytes, &offset);

	decoder.plain = true;
	return error != 0 ? error : decode_table(&decoder, table, bytes, message);
}

/* Where the plan of a submit begins, whose keys come in rising order: format, kind, id, plan. Else
 * 0: then it is read like everything else. The bytes were not scanned yet. */
static uint32_t find_plan(struct slice bytes)
{
	struct wire_cursor cursor = wire_cursor_of(bytes);
	struct wire_token token;

	if (wire_cursor_next(&cursor, &token) != 0 || token.type != WIRE_TOKEN_MAP)
		return 0;
	for (uint32_t key = WIRE_KEY_FORMAT; key < WIRE_KEY_FIRST + 2U; key++) {
		if (wire_cursor_next(&cursor, &token) != 0 || token.type != WIRE_TOKEN_UNSIGNED ||
		    token.number != key)
			return 0;
		if (key == WIRE_KEY_FIRST + 1)
			return cursor.at;
		if (wire_cursor_next(&cursor, &token) != 0 || token.type == WIRE_TOKEN_ARRAY ||
		    token.type == WIRE_TOKEN_MAP)
			return 0;
	}
	return 0;
}

int wire_decode_submit(struct slice bytes, struct arena *arena, struct wire_plan_cache *cache,
		       struct wire_submit *submit, struct wire_fault *fault)
{
	struct decoder decoder = decoder_of(arena);
	const uint32_t begin = find_plan(bytes);
	struct slice rest = {0};
	uint32_t size = 0;

	if (begin != 0) {
		rest = slice_of(bytes.data + begin, bytes.size - begin);
		decoder.known = wire_plan_cache_find(cache, rest, &size);
	}
	if (decoder.known != NULL)
		decoder.span = (struct wire_known_span){begin, begin + size};
	const int error = decode(&decoder, WIRE_SUBMIT, bytes, submit);
	if (fault != NULL)
		*fault = decoder.fault;
	if (error == 0 && begin != 0 && decoder.known == NULL && wire_value_size(rest, &size) == 0)
		wire_plan_cache_offer(cache, slice_of(rest.data, size));
	return error;
}

int wire_peek_kind(struct slice bytes, enum wire_kind *kind)
{
	struct wire_fault fault;
	uint64_t number = 0;

	if (bytes.size == 0 || (bytes.size == 1 && bytes.data[0] == 0xc0))
		return SAGA_E_EMPTY;
	if (bytes.size > WIRE_MESSAGE_SIZE_MAX)
		return SAGA_E_TOO_LARGE;
	const int error = read_head(bytes, &number, &fault);
	if (error != 0)
		return error;
	if (number > UINT32_MAX || wire_table_of((enum wire_kind)number) == NULL)
		return SAGA_E_KIND;
	*kind = (enum wire_kind)number;
	return 0;
}

int wire_value_size(struct slice bytes, uint32_t *size)
{
	struct wire_cursor cursor = wire_cursor_of(bytes);

	if (bytes.size == 0)
		return SAGA_E_EMPTY;
	const int error = wire_cursor_skip(&cursor);
	if (error != 0)
		return error;
	*size = cursor.at;
	return 0;
}
