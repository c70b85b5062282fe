#include "wire/pick.h"

#include "base/check.h"
#include "base/id.h"

enum { SOURCE_INPUT = WIRE_STEPS_MAX, NOT_AN_INDEX = UINT32_MAX / 2 };

struct segment {
	uint16_t at; /* in the template */
	uint16_t size;
	uint32_t index; /* as a place in an array */
};

struct pick {
	uint32_t source; /* index of a step, or SOURCE_INPUT */
	uint32_t segment_count;
	struct segment segments[WIRE_PICK_SEGMENTS_MAX];
	struct slice found;
};

struct picks {
	struct slice template;
	const struct wire_plan *plan;
	uint32_t count;
	struct pick list[WIRE_PICKS_MAX];
};
_Static_assert(WIRE_PICKS_MAX <= 64, "sets of picks are 64-bit words");
_Static_assert(WIRE_TEMPLATE_SIZE_MAX <= UINT16_MAX, "places in a template have 16 bits");

/* ---- what a template says --------------------------------------------------------------------*/

static bool segment_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* Of ".name" at the start of `rest`; empty when there is none. */
static struct slice segment_of(struct slice rest)
{
	uint32_t size = 1;

	if (rest.size < 2 || rest.data[0] != '.')
		return (struct slice){0};
	while (size < rest.size && segment_byte(rest.data[size]))
		size++;
	return slice_of(rest.data + 1, size - 1);
}

static struct slice behind(struct slice rest, struct slice segment)
{
	return slice_of(rest.data + segment.size + 1, rest.size - segment.size - 1);
}

/* As it is written: no leading zeros. */
static uint32_t index_of(struct slice segment)
{
	uint32_t index = 0;

	if (segment.size > 8 || (segment.size > 1 && segment.data[0] == '0'))
		return NOT_AN_INDEX;
	for (uint32_t i = 0; i < segment.size; i++) {
		if (segment.data[i] < '0' || segment.data[i] > '9')
			return NOT_AN_INDEX;
		index = index * 10 + (uint32_t)(segment.data[i] - '0');
	}
	return index;
}

/* All of these end a sentence that begins with "its input ". */
static const char NO_PICK[] = "has a text that begins with $ and is no pick: picks are "
			      "$.input... and $.steps.<name>.output...; $$ stands for $";
static const char BAD_PATH[] = "picks by a path that is not names and numbers with dots between";
static const char LONG_PATH[] = "picks by a path of more than 16 names";
static const char NO_STEP[] = "picks from a step there is not";

static const char *read_source(struct slice *rest, const struct wire_plan *plan, uint32_t *source)
{
	struct slice word = segment_of(*rest);
	uint32_t step = 0;

	*rest = word.size > 0 ? behind(*rest, word) : *rest;
	if (slice_equal(word, slice_str("input"))) {
		*source = SOURCE_INPUT;
		return NULL;
	}
	if (!slice_equal(word, slice_str("steps")))
		return NO_PICK;
	const struct slice name = segment_of(*rest);

	if (name.size == 0)
		return NO_PICK;
	*rest = behind(*rest, name);
	word = segment_of(*rest);
	if (!slice_equal(word, slice_str("output")))
		return NO_PICK;
	*rest = behind(*rest, word);
	while (step < plan->step_count && !slice_equal(plan->steps[step].name, name))
		step++;
	*source = step;
	return step < plan->step_count ? NULL : NO_STEP;
}

/* `text` is what stands between the quotes, and begins with one $. NULL or what is wrong. */
static const char *read_pick(const struct picks *picks, struct slice text, struct pick *pick)
{
	struct slice rest = slice_of(text.data + 1, text.size - 1);
	const char *fault = read_source(&rest, picks->plan, &pick->source);

	pick->segment_count = 0;
	pick->found = (struct slice){0};
	while (fault == NULL && rest.size > 0) {
		const struct slice segment = segment_of(rest);

		if (segment.size == 0)
			fault = BAD_PATH;
		else if (pick->segment_count == WIRE_PICK_SEGMENTS_MAX)
			fault = LONG_PATH;
		else {
			pick->segments[pick->segment_count++] = (struct segment){
				.at = (uint16_t)(segment.data - picks->template.data),
				.size = (uint16_t)segment.size,
				.index = index_of(segment),
			};
			rest = behind(rest, segment);
		}
	}
	return fault;
}

/* A string of a template, with its quotes. */
static bool is_pick(struct slice raw)
{
	return raw.size > 2 && raw.data[1] == '$' && raw.data[2] != '$';
}
static bool is_dollar_text(struct slice raw)
{
	return raw.size > 3 && raw.data[1] == '$' && raw.data[2] == '$';
}

/* NULL or what is wrong. */
static const char *read_template(struct picks *picks)
{
	enum wire_json_token token;
	struct wire_json json;
	const char *fault = NULL;
	struct slice raw;

	picks->count = 0;
	_Static_assert(WIRE_TEMPLATE_SIZE_MAX == 1024, "so it is told");
	if (picks->template.size > WIRE_TEMPLATE_SIZE_MAX)
		return "is larger than 1024 bytes";
	wire_json_open(&json, picks->template, WIRE_TEMPLATE_DEPTH_MAX);
	while ((token = wire_json_next(&json, &raw)) != WIRE_JSON_END) {
		if (token == WIRE_JSON_BAD)
			return "is not JSON that nests at most 16 deep";
		if (token != WIRE_JSON_STRING || !is_pick(raw))
			continue;
		if (picks->count == WIRE_PICKS_MAX)
			return "has more than 64 picks";
		fault = read_pick(picks, slice_of(raw.data + 1, raw.size - 2),
				  &picks->list[picks->count]);
		if (fault != NULL)
			return fault;
		picks->count++;
	}
	return NULL;
}

int wire_pick_check(struct slice template, const struct wire_plan *plan, uint32_t step,
		    uint64_t ancestors, struct buf *why)
{
	struct picks picks = {.template = template, .plan = plan};
	const char *fault = read_template(&picks);

	CHECK_LT(step, plan->step_count);
	for (uint32_t i = 0; fault == NULL && i < picks.count; i++) {
		const uint32_t source = picks.list[i].source;

		if (source == SOURCE_INPUT || (ancestors >> source & 1) != 0)
			continue;
		const struct slice name = plan->steps[source].name;

		if (why != NULL && source != step && id_valid(name))
			(void)buf_printf(why,
					 "its input picks from step \"%.*s\", which it does not "
					 "wait for",
					 (int)name.size, (const char *)name.data);
		else if (why != NULL)
			(void)buf_printf(why, "its input picks from a step it does not wait for");
		return SAGA_E_PLAN;
	}
	if (fault != NULL && why != NULL)
		(void)buf_printf(why, "its input %s", fault);
	return fault == NULL ? 0 : SAGA_E_PLAN;
}

/* ---- what a source holds -----------------------------------------------------------------------
 */

/* All picks of one source are looked for at once, in one pass. */
struct walk {
	struct picks *picks;
	struct wire_json json;
	uint64_t next;                              /* picks whose path leads to the next value */
	uint64_t inside[WIRE_JSON_DEPTH_MAX + 1];   /* ... whose path leads into the container */
	uint64_t complete[WIRE_JSON_DEPTH_MAX + 1]; /* ... to it */
	uint32_t begin[WIRE_JSON_DEPTH_MAX + 1];    /* of the container */
	uint32_t index[WIRE_JSON_DEPTH_MAX + 1];    /* of an array's next value */
};

/* Segments hold plain characters only, which a key may still write as \u0061. */
static bool key_equal(struct slice key, struct slice segment)
{
	uint32_t at = 0;

	if (key.size == segment.size)
		return slice_equal(key, segment); /* an escape has a \, which no segment has */
	if (key.size < segment.size)
		return false;
	for (uint32_t i = 0; i < segment.size; i++) {
		static const char digits[] = "0123456789abcdef";
		const uint8_t c = segment.data[i];

		if (at < key.size && key.data[at] == c) {
			at++;
			continue;
		}
		if (key.size - at < 6 || memcmp(key.data + at, "\\u00", 4) != 0 ||
		    key.data[at + 4] != digits[c >> 4] ||
		    (key.data[at + 5] | 0x20) != (digits[c & 15] | 0x20))
			return false;
		at += 6;
	}
	return at == key.size;
}

/* Those of `set` whose next segment is this key or this place. */
static uint64_t follow(const struct picks *picks, uint64_t set, uint32_t depth,
		       const struct slice *key, uint32_t index)
{
	uint64_t followed = 0;

	for (; set != 0; set &= set - 1) {
		const uint32_t i = (uint32_t)__builtin_ctzll(set);
		const struct segment *segment = &picks->list[i].segments[depth - 1];

		if (key == NULL ? segment->index == index
				: key_equal(*key, slice_of(picks->template.data + segment->at,
							   segment->size)))
			followed |= UINT64_C(1) << i;
	}
	return followed;
}

static uint64_t complete_of(const struct walk *walk, uint32_t depth)
{
	uint64_t complete = 0;

	for (uint64_t set = walk->next; set != 0; set &= set - 1) {
		const uint32_t i = (uint32_t)__builtin_ctzll(set);

		if (walk->picks->list[i].segment_count == depth)
			complete |= UINT64_C(1) << i;
	}
	return complete;
}

static void found(const struct walk *walk, uint64_t set, struct slice value)
{
	for (; set != 0; set &= set - 1)
		walk->picks->list[__builtin_ctzll(set)].found = value;
}

static void on_key(struct walk *walk, struct slice raw)
{
	const struct slice key = slice_of(raw.data + 1, raw.size - 2);
	const uint32_t depth = walk->json.depth;

	walk->next = 0;
	if (walk->inside[depth] == 0)
		return;
	walk->next = follow(walk->picks, walk->inside[depth], depth, &key, 0);
	/* The last one counts: what an earlier one held is gone. */
	found(walk, walk->next, (struct slice){0});
}

static void on_value(struct walk *walk, enum wire_json_token token, struct slice raw)
{
	const bool container = token == WIRE_JSON_OBJECT || token == WIRE_JSON_ARRAY;
	const uint32_t inner = walk->json.depth;
	const uint32_t depth = container ? inner - 1 : inner;
	const bool in_array = depth > 0 && (walk->json.objects >> (depth - 1) & 1) == 0;
	uint64_t complete = 0;

	if (in_array) {
		const uint32_t index = walk->index[depth]++;

		walk->next = walk->inside[depth] == 0
				     ? 0
				     : follow(walk->picks, walk->inside[depth], depth, NULL, index);
	}
	if (walk->next != 0)
		complete = complete_of(walk, depth);
	if (!container) {
		found(walk, complete, raw);
	} else {
		walk->inside[inner] = walk->next & ~complete;
		walk->complete[inner] = complete;
		walk->begin[inner] = (uint32_t)(raw.data - walk->json.text.data);
		walk->index[inner] = 0;
	}
	walk->next = 0;
}

static void look_up(struct picks *picks, struct slice text, uint64_t set)
{
	struct walk walk = {.picks = picks, .next = set};
	struct slice raw;

	wire_json_open(&walk.json, text, WIRE_JSON_DEPTH_MAX);
	for (;;) {
		const enum wire_json_token token = wire_json_next(&walk.json, &raw);
		const uint32_t closed = walk.json.depth + 1;

		switch (token) {
		case WIRE_JSON_BAD:
			found(&walk, set, (struct slice){0});
			return;
		case WIRE_JSON_END:
			return;
		case WIRE_JSON_KEY:
			on_key(&walk, raw);
			break;
		case WIRE_JSON_OBJECT_END:
		case WIRE_JSON_ARRAY_END:
			found(&walk, walk.complete[closed],
			      slice_of(text.data + walk.begin[closed],
				       walk.json.at - walk.begin[closed]));
			break;
		default:
			on_value(&walk, token, raw);
		}
	}
}

/* ---- both together ----------------------------------------------------------------------------*/

static void look_up_all(struct picks *picks, const struct wire_pick_source *source)
{
	uint64_t left = picks->count == 64 ? UINT64_MAX : (UINT64_C(1) << picks->count) - 1;

	while (left != 0) {
		const uint32_t first = picks->list[__builtin_ctzll(left)].source;
		uint64_t set = 0;

		for (uint32_t i = 0; i < picks->count; i++)
			if (picks->list[i].source == first)
				set |= UINT64_C(1) << i;
		look_up(picks,
			first == SOURCE_INPUT ? source->input
					      : source->output(source->context, first),
			set);
		left &= ~set;
	}
}

static int write_all(const struct picks *picks, struct buf *out)
{
	const uint8_t *const text = picks->template.data;
	enum wire_json_token token;
	struct wire_json json;
	uint32_t copied = 0;
	uint32_t pick = 0;
	struct slice raw;

	wire_json_open(&json, picks->template, WIRE_TEMPLATE_DEPTH_MAX);
	while ((token = wire_json_next(&json, &raw)) != WIRE_JSON_END) {
		const uint32_t begin = (uint32_t)(raw.data - text);

		CHECK(token != WIRE_JSON_BAD);
		if (token != WIRE_JSON_STRING || (!is_pick(raw) && !is_dollar_text(raw)))
			continue;
		const bool picked = is_pick(raw);

		(void)buf_put(out, text + copied, begin + (picked ? 0 : 1) - copied);
		copied = begin + (picked ? raw.size : 2);
		if (!picked)
			continue;
		const struct slice value = picks->list[pick++].found;

		(void)buf_put_slice(out, value.size > 0 ? value : slice_str("null"));
	}
	return buf_put(out, text + copied, picks->template.size - copied);
}

int wire_pick_fill(struct slice template, const struct wire_plan *plan,
		   const struct wire_pick_source *source, struct buf *out)
{
	struct picks picks = {.template = template, .plan = plan};
	const uint32_t before = out->size;

	if (buf_error(out) != 0)
		return buf_error(out) == SAGA_E_FULL ? SAGA_E_TOO_LARGE : buf_error(out);
	if (read_template(&picks) != NULL)
		return SAGA_E_PLAN;
	look_up_all(&picks, source);
	const int error = write_all(&picks, out);

	if (error != 0)
		buf_truncate(out, before);
	return error == SAGA_E_FULL ? SAGA_E_TOO_LARGE : error;
}
