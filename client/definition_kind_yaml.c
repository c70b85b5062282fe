/* What kind of step it is, and so which operations and flags it has. */
#include <inttypes.h>
#include <stdio.h>

#include "base/near.h"
#include "client/definition_reader_yaml.h"

/* Keys as bits. */
#define KEY(key) (UINT32_C(1) << STEP_##key)
static const uint32_t SAGA_KEYS =
	KEY(ACTION) | KEY(COMPENSATE) | KEY(PIVOT) | KEY(RETRIABLE) | KEY(OPTIONAL);
static const uint32_t TCC_KEYS = KEY(TRY) | KEY(CONFIRM) | KEY(CANCEL);
static const uint32_t VOTE_KEYS =
	KEY(PREPARE) | KEY(COMMIT) | KEY(ROLLBACK) | KEY(ONE_PHASE) | KEY(LAST_RESOURCE);
_Static_assert(STEP_KEYS <= 32, "sets of keys are 32-bit words here");

struct kind {
	uint32_t keys;     /* that belong to it */
	uint32_t required; /* of them */
	const char *what, *has;
};

static struct kind kind_of(uint32_t protocol, uint32_t flags)
{
	if (protocol == WIRE_PROTOCOL_SAGA && (flags & WIRE_STEP_PIVOT))
		return (struct kind){SAGA_KEYS, KEY(ACTION), "a pivot", "an action alone"};
	if (protocol == WIRE_PROTOCOL_SAGA && (flags & WIRE_STEP_RETRIABLE))
		return (struct kind){SAGA_KEYS, KEY(ACTION), "a retriable step", "an action alone"};
	if (protocol == WIRE_PROTOCOL_SAGA)
		return (struct kind){SAGA_KEYS, KEY(ACTION) | KEY(COMPENSATE), "a step of a saga",
				     "action and compensate"};
	if (protocol == WIRE_PROTOCOL_TCC)
		return (struct kind){TCC_KEYS, TCC_KEYS, "a step of TCC",
				     "try, confirm and cancel"};
	if (flags & WIRE_STEP_PIVOT)
		return (struct kind){KEY(COMMIT) | KEY(LAST_RESOURCE), KEY(COMMIT),
				     "the last resource", "commit alone: it does not vote"};
	return (struct kind){VOTE_KEYS, KEY(PREPARE) | KEY(COMMIT) | KEY(ROLLBACK), "a step of 2PC",
			     "prepare, commit and rollback"};
}

/* 0: not known. */
static uint32_t protocol_of(struct reader *reader, uint32_t index, struct wire_step *step)
{
	const uint32_t protocol = reader->definition->plan.protocol;
	const yaml_node_t *node = reader->values[index][STEP_KIND];
	char text[49];

	if (reader->bad_protocol)
		return 0;
	if (protocol != WIRE_PROTOCOL_MIXED) {
		if (node != NULL)
			reader_problem(reader, node, NULL, PROBLEM_KIND,
				       "kind: only steps of a mixed definition say their kind");
		return protocol;
	}
	if (node == NULL) {
		reader_problem(reader, reader->steps[index], "kind", PROBLEM_MISSING_KEY,
			       "step %" PRIu32 " has no kind: in a mixed definition it is saga, "
			       "tcc or 2pc",
			       index + 1);
		return 0;
	}
	if (!want_scalar(reader, node, "kind"))
		return 0;
	for (step->kind = WIRE_PROTOCOL_SAGA; step->kind < WIRE_PROTOCOL_MIXED; step->kind++)
		if (slice_equal(scalar_of(node), slice_str(definition_protocol_name(step->kind))))
			return step->kind;
	step->kind = 0;
	reader_problem(reader, node, NULL, PROBLEM_CHOICE,
		       "kind: \"%s\" is neither saga, tcc nor 2pc", shown(node, text));
	return 0;
}

static const struct {
	enum definition_step_key key;
	uint32_t flag;
} flag_keys[] = {
	{STEP_PIVOT, WIRE_STEP_PIVOT},
	{STEP_LAST_RESOURCE, WIRE_STEP_PIVOT},
	{STEP_RETRIABLE, WIRE_STEP_RETRIABLE},
	{STEP_OPTIONAL, WIRE_STEP_OPTIONAL},
};

/* One of another kind of step is told of, and counts for nothing. */
static void take_flags(struct reader *reader, uint32_t index, const yaml_node_t *const *keys,
		       uint32_t protocol)
{
	struct wire_step *step = &reader->definition->steps[index];
	const char *first = NULL;

	for (uint32_t i = 0; i < sizeof flag_keys / sizeof flag_keys[0]; i++) {
		const enum definition_step_key key = flag_keys[i].key;
		const char *name = definition_step_keys[key];
		bool flag = false;

		take_flag(reader, reader->values[index][key], name, &flag);
		if (!flag)
			continue;
		if ((kind_of(protocol, 0).keys >> key & 1) == 0) {
			reader->bad_flags = true;
			continue;
		}
		if (first != NULL) {
			reader_problem(reader, keys[key], NULL, PROBLEM_KIND,
				       "%s: a step that is %s cannot be %s, too", name, first,
				       name);
			reader->bad_flags = true;
			continue;
		}
		first = name;
		step->flags = flag_keys[i].flag;
	}
}

static bool is_none(const struct id *name)
{
	return id_equal(name, &(struct id){.size = 4, .text = "none"});
}

static void take_operation(struct reader *reader, uint32_t index, enum definition_step_key key,
			   struct id *name)
{
	const char *what = definition_step_keys[key];

	take_name(reader, reader->values[index][key], what, name);
	/* It would be meant as what it says. */
	if (is_none(name) && key != STEP_COMPENSATE)
		reader_problem(reader, reader->values[index][key], NULL, PROBLEM_NAME,
			       "%s: none is no operation: only compensate may be none", what);
}

static void take_saga(struct reader *reader, uint32_t index, uint32_t flags)
{
	struct definition_step_names *names = &reader->definition->names[index];
	const yaml_node_t *compensate = reader->values[index][STEP_COMPENSATE];

	take_operation(reader, index, STEP_ACTION, &names->forward);
	if (compensate != NULL && is_null(compensate)) {
		reader_problem(reader, compensate, NULL, PROBLEM_TYPE,
			       "compensate: expected an operation, or none where there is nothing "
			       "to undo");
		return;
	}
	take_operation(reader, index, STEP_COMPENSATE, &names->undo);
	if (is_none(&names->undo))
		names->undo = (struct id){0};
	if (names->undo.size > 0 && (flags & (WIRE_STEP_PIVOT | WIRE_STEP_RETRIABLE)) != 0) {
		reader_problem(reader, compensate, NULL, PROBLEM_KIND,
			       "compensate: nothing undoes %s", kind_of(1, flags).what);
		names->undo = (struct id){0};
	}
}

static void take_operations(struct reader *reader, uint32_t index, uint32_t protocol,
			    uint32_t flags)
{
	struct definition_step_names *names = &reader->definition->names[index];

	if (protocol == WIRE_PROTOCOL_SAGA) {
		take_saga(reader, index, flags);
	} else if (protocol == WIRE_PROTOCOL_TCC) {
		take_operation(reader, index, STEP_TRY, &names->forward);
		take_operation(reader, index, STEP_CONFIRM, &names->finish);
		take_operation(reader, index, STEP_CANCEL, &names->undo);
	} else if (flags & WIRE_STEP_PIVOT) {
		take_operation(reader, index, STEP_COMMIT, &names->forward);
	} else {
		take_operation(reader, index, STEP_PREPARE, &names->forward);
		take_operation(reader, index, STEP_COMMIT, &names->finish);
		take_operation(reader, index, STEP_ROLLBACK, &names->undo);
		take_operation(reader, index, STEP_ONE_PHASE, &names->one_phase);
	}
}

static void missing(struct reader *reader, uint32_t index, uint32_t key)
{
	const char *name = definition_step_keys[key];

	if (key == STEP_COMPENSATE)
		reader_problem(reader, reader->steps[index], name, PROBLEM_MISSING_KEY,
			       "step %" PRIu32 " has no compensate: an operation, or none where "
			       "there is nothing to undo",
			       index + 1);
	else
		reader_problem(reader, reader->steps[index], name, PROBLEM_MISSING_KEY,
			       "step %" PRIu32 " has no %s", index + 1, name);
}

void take_kind(struct reader *reader, uint32_t index, const yaml_node_t *const *keys)
{
	struct wire_step *step = &reader->definition->steps[index];
	const yaml_node_t *const *values = reader->values[index];
	const uint32_t protocol = protocol_of(reader, index, step);

	if (protocol == 0) {
		reader->bad_flags = true;
		return;
	}
	const uint32_t problems = reader->problems->count;

	take_flags(reader, index, keys, protocol);
	struct kind kind = kind_of(protocol, step->flags);

	/* It may have been meant to be what has none. */
	if (reader->problems->count != problems)
		kind.required &= ~KEY(COMPENSATE);

	for (uint32_t key = 0; key < STEP_KEYS; key++) {
		const uint32_t bit = UINT32_C(1) << key;

		if (values[key] == NULL && (kind.required & bit) != 0)
			missing(reader, index, key);
		if (values[key] != NULL && ((SAGA_KEYS | TCC_KEYS | VOTE_KEYS) & bit) != 0 &&
		    (kind.keys & bit) == 0) {
			reader_problem(reader, keys[key], NULL, PROBLEM_KIND,
				       "\"%s\" does not belong in %s, which has %s",
				       definition_step_keys[key], kind.what, kind.has);
		}
	}
	take_operations(reader, index, protocol, step->flags);
}
