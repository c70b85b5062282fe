/* Rows 32-40: what participants may answer. Owners take what fits, once, and from the addressee. */
#include <stdio.h>

#include "tests/integration/bad_input.h"

static void submit(struct bad_submit *s)
{
	assert_int_equal(bad_submit_send(s).code, 0);
}

/* Two steps at svc-x, one after the other. */
static void two_steps(struct bad_submit *s)
{
	bad_submit_init(s, 0);
	s->steps[1] = s->steps[0];
	s->steps[1].name = slice_str("y");
	s->steps[1].after = slice_of("\0", 1);
	s->submit.plan.step_count = 2;
}

static void row_32(void **state)
{
	struct bad_command command = {.step = 0, .op = WIRE_OP_FORWARD, .attempt = 1};
	(void)state;
	bad_id(0, "nobodys", command.saga);
	command.operation =
		uuid_operation(slice_str(command.saga), slice_str("x"), slice_str("forward"));
	const struct wire_reply reply = bad_reply_to(&command, WIRE_OUTCOME_OK);
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_OBSOLETE);
	assert_int_equal(bad_query(command.saga).code, err_to_wire(SAGA_E_NOT_FOUND));
	bad_expected.obsolete++;
}

static void row_33(void **state)
{
	struct bad_submit s;
	struct bad_command first, second;
	struct wire_reply reply;
	(void)state;
	two_steps(&s);
	submit(&s);
	bad_take_command(s.id, WIRE_OP_FORWARD, &first);
	/* Never dispatched: the second step, and the undo of the first. */
	reply = bad_reply_to(&first, WIRE_OUTCOME_OK);
	reply.step = 1;
	reply.operation = uuid_operation(slice_str(s.id), slice_str("y"), slice_str("forward"));
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_SILENCE_MS), 0);
	reply = bad_reply_to(&first, WIRE_OUTCOME_OK);
	reply.op = WIRE_OP_UNDO;
	reply.operation = uuid_operation(slice_str(s.id), slice_str("x"), slice_str("undo"));
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_SILENCE_MS), 0);
	/* An attempt that was never made, and an operation id that is none. */
	reply = bad_reply_to(&first, WIRE_OUTCOME_OK);
	reply.attempt = 7;
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_SILENCE_MS), 0);
	reply = bad_reply_to(&first, WIRE_OUTCOME_OK);
	reply.operation.bytes[0] ^= 1;
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_SILENCE_MS), 0);
	bad_expected.ignored += 4;
	assert_int_equal(bad_query(s.id).state, WIRE_STATE_RUNNING);
	/* The truth; the same once more; and its opposite, which changes nothing. */
	reply = bad_reply_to(&first, WIRE_OUTCOME_OK);
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_RECORDED);
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_RECORDED);
	reply.outcome = WIRE_OUTCOME_REJECTED;
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_OBSOLETE);
	bad_expected.contradictions++;
	bad_expected.obsolete++;
	assert_int_equal(bad_query(s.id).state, WIRE_STATE_RUNNING);
	bad_take_command(s.id, WIRE_OP_FORWARD, &second);
	while (second.step != 1)
		bad_take_command(s.id, WIRE_OP_FORWARD, &second);
	reply = bad_reply_to(&second, WIRE_OUTCOME_OK);
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_RECORDED);
	bad_wait_state(s.id, WIRE_STATE_COMPLETED);
	/* When it is over. */
	reply.outcome = WIRE_OUTCOME_REJECTED;
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_OBSOLETE);
	bad_expected.obsolete++;
	assert_int_equal(bad_query(s.id).state, WIRE_STATE_COMPLETED);
}

struct found {
	const char *saga;
	bool seen;
};

static void on_event(void *context, const struct cluster_event *event)
{
	struct found *found = context;
	if (strcmp(event->event, "saga.contradiction") == 0 &&
	    strstr(event->line, found->saga) != NULL && strstr(event->line, "svc-x") != NULL)
		found->seen = true;
}

static bool told(void *context)
{
	struct found *found = context;
	for (uint32_t n = 0; n < 3; n++) {
		uint64_t offset = 0;
		assert_int_equal(cluster_events(bad_trip.cluster, cluster_node_name(n), &offset,
						on_event, found),
				 0);
	}
	return found->seen;
}

/* The other way round, and the log says whose it was. */
static void row_33_told(void **state)
{
	struct bad_submit s;
	struct bad_command command;
	struct wire_reply reply;
	(void)state;
	two_steps(&s);
	s.steps[1].after = slice_of(NULL, 0); /* side by side: the saga stays open */
	submit(&s);
	do
		bad_take_command(s.id, WIRE_OP_FORWARD, &command);
	while (command.step != 1);
	reply = bad_reply_to(&command, WIRE_OUTCOME_REJECTED);
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_RECORDED);
	reply.outcome = WIRE_OUTCOME_OK;
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_OBSOLETE);
	bad_expected.contradictions++;
	bad_expected.obsolete++;
	struct found found = {.saga = s.id};
	assert_true(wait_until(told, &found, 30000));
	bad_play(s.id, WIRE_OP_UNDO, WIRE_OUTCOME_OK); /* of the other step */
	bad_wait_state(s.id, WIRE_STATE_COMPENSATED);
}

static void row_34(void **state)
{
	struct bad_submit s;
	struct bad_command command;
	struct wire_reply reply;
	(void)state;
	bad_submit_init(&s, 0);
	submit(&s);
	bad_take_command(s.id, WIRE_OP_FORWARD, &command);
	reply = bad_reply_to(&command, WIRE_OUTCOME_REJECTED);
	assert_int_equal(bad_reply(&reply, "svc-a", BAD_SILENCE_MS), 0);
	bad_expected.ignored++;
	assert_int_equal(bad_query(s.id).state, WIRE_STATE_RUNNING);
	reply.outcome = WIRE_OUTCOME_OK;
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_RECORDED);
	bad_wait_state(s.id, WIRE_STATE_COMPLETED);
}

static void row_35(void **state)
{
	static const uint32_t odd[] = {0, WIRE_OUTCOME_HEURISTIC + 1, 99, UINT32_MAX};
	struct bad_submit s;
	struct bad_command command;
	struct wire_reply reply;
	(void)state;
	bad_submit_init(&s, 0);
	submit(&s);
	bad_take_command(s.id, WIRE_OP_FORWARD, &command);
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		reply = bad_reply_to(&command, odd[i]);
		assert_int_equal(bad_reply(&reply, "svc-x", BAD_SILENCE_MS), 0);
		bad_expected.ignored++;
	}
	assert_int_equal(bad_query(s.id).state, WIRE_STATE_RUNNING);
	reply = bad_reply_to(&command, WIRE_OUTCOME_OK);
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_RECORDED);
	bad_wait_state(s.id, WIRE_STATE_COMPLETED);
}

/* The next attempt is out already when the first one's ok comes. */
static void row_36(void **state)
{
	struct bad_submit s;
	struct bad_command first, second;
	(void)state;
	bad_submit_init(&s, 0);
	s.steps[0].attempt_timeout_ms = 200;
	s.steps[0].retry.attempts = 100;
	submit(&s);
	bad_take_command(s.id, WIRE_OP_FORWARD, &first);
	do
		bad_take_command(s.id, WIRE_OP_FORWARD, &second);
	while (second.attempt == first.attempt);
	const struct wire_reply reply = bad_reply_to(&first, WIRE_OUTCOME_OK);
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_RECORDED);
	bad_wait_state(s.id, WIRE_STATE_COMPLETED);
}

/* Given up, the undo is out: the ok comes too late to count, and what it did is undone. */
static void row_37(void **state)
{
	struct bad_submit s;
	struct bad_command forward, undo;
	struct wire_reply reply;
	(void)state;
	two_steps(&s); /* the second step never starts */
	s.steps[0].attempt_timeout_ms = 200;
	s.steps[0].retry.attempts = 1;
	submit(&s);
	bad_take_command(s.id, WIRE_OP_FORWARD, &forward);
	bad_take_command(s.id, WIRE_OP_UNDO, &undo);
	reply = bad_reply_to(&forward, WIRE_OUTCOME_OK);
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_OBSOLETE);
	bad_expected.obsolete++;
	bad_expected.late++;
	assert_int_equal(bad_query(s.id).state, WIRE_STATE_UNDOING);
	reply = bad_reply_to(&undo, WIRE_OUTCOME_OK);
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_RECORDED);
	bad_wait_state(s.id, WIRE_STATE_COMPENSATED);
	reply = bad_reply_to(&forward, WIRE_OUTCOME_OK);
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_OBSOLETE);
	bad_expected.obsolete++;
	assert_int_equal(bad_query(s.id).state, WIRE_STATE_COMPENSATED);
}

/* An undo cannot be refused: tried again, parked, and never taken for done. */
static void row_38(void **state)
{
	struct bad_submit s;
	struct wire_answer answer;
	(void)state;
	two_steps(&s);
	submit(&s);
	bad_play(s.id, WIRE_OP_FORWARD, WIRE_OUTCOME_OK);
	bad_play(s.id, WIRE_OP_FORWARD, WIRE_OUTCOME_REJECTED);
	for (uint32_t i = 0; i < 3; i++) {
		answer = bad_query(s.id);
		assert_int_equal(answer.state, WIRE_STATE_UNDOING);
		bad_play(s.id, WIRE_OP_UNDO, WIRE_OUTCOME_REJECTED);
	}
	bad_wait_state(s.id, WIRE_STATE_PARKED);
	bad_play(s.id, WIRE_OP_UNDO, WIRE_OUTCOME_REJECTED);
	assert_int_equal(bad_query(s.id).state, WIRE_STATE_PARKED);
	bad_play(s.id, WIRE_OP_UNDO, WIRE_OUTCOME_OK);
	bad_wait_state(s.id, WIRE_STATE_COMPENSATED);
}

/* A participant without libsaga, which would have cut it itself. */
static void row_40(void **state)
{
	static uint8_t output[500000];
	struct bad_submit s;
	struct bad_command command;
	struct wire_reply reply;
	struct wire_answer answer;
	(void)state;
	two_steps(&s);
	submit(&s);
	bad_take_command(s.id, WIRE_OP_FORWARD, &command);
	reply = bad_reply_to(&command, WIRE_OUTCOME_OK);
	reply.output = slice_of(output, sizeof output);
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_RECORDED);
	answer = bad_query(s.id);
	assert_int_equal(answer.state, WIRE_STATE_RUNNING);
	assert_int_equal(answer.branch_count, 2);
	assert_int_equal(answer.branches[0].state, WIRE_BRANCH_OK);
	assert_int_equal(answer.branches[0].code, err_to_wire(SAGA_E_TOO_LARGE));
	assert_true(slice_equal(answer.branches[0].text,
				slice_str("too_large: the output was dropped")));
	do
		bad_take_command(s.id, WIRE_OP_FORWARD, &command);
	while (command.step != 1);
	reply = bad_reply_to(&command, WIRE_OUTCOME_OK);
	reply.output = slice_of(output, WIRE_OUTPUT_SIZE_MAX); /* just fits */
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_RECORDED);
	bad_wait_state(s.id, WIRE_STATE_COMPLETED);
}

/* Reply frames that cannot be read have nobody to be answered to: dropped and counted. */
static void broken_frames(void **state)
{
	static const char *const hex[] = {
		"",
		"c0",
		"c1",
		"83 0001 0106 03",
		"83 0002 0106 03a573 7663 2d78",
		"ddffffffff01",
		"83 0001 0102 02a161",
	};
	const struct subject subject = subject_shard("saga", 0, SUBJECT_REPLY, slice_str("svc-x"));
	(void)state;
	for (size_t i = 0; i < sizeof hex / sizeof hex[0]; i++) {
		uint8_t bytes[64];
		uint32_t size = 0;
		for (const char *c = hex[i]; *c != '\0'; c++) {
			unsigned int value;
			if (*c == ' ')
				continue;
			assert_int_equal(sscanf(c, "%2x", &value), 1);
			bytes[size++] = (uint8_t)value;
			c++;
		}
		bad_publish(subject.text, slice_of(bytes, size));
		bad_expected.malformed++;
	}
	bad_publish(subject.text, slice_str(BAD_MARK "\n\x1b[31m"));
	bad_expected.malformed++;
}

struct bad_cases bad_replies(void)
{
	static const struct CMUnitTest tests[] = {
		BAD_CASE("row 32: about a saga that nobody knows", row_32),
		BAD_CASE("row 33: not asked, asked before, and the opposite", row_33),
		BAD_CASE("row 33: a contradiction is told with its saga", row_33_told),
		BAD_CASE("row 34: from another service", row_34),
		BAD_CASE("row 35: outcomes that are none", row_35),
		BAD_CASE("row 36: ok after its time was over", row_36),
		BAD_CASE("row 37: ok when the undo is out, or done", row_37),
		BAD_CASE("row 38: an undo that is refused", row_38),
		BAD_CASE("row 40: an output that is too large", row_40),
		BAD_CASE("replies that cannot be read", broken_frames),
	};
	return (struct bad_cases){tests, sizeof tests / sizeof tests[0]};
}
