/* Carried state that is none (S17): a whole replay refuses whatever differs from what it has folded
 * itself; one from the middle, which cannot know better, whatever no fold could have come to, and
 * in the end a number of ids that is not the segment's. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/txn_states.h"
#include "wire/batch.h"

#define FORWARD WIRE_OP_FORWARD
#define OK      WIRE_OUTCOME_OK

static int set_up(void **state)
{
	const int err = host_set_up(state);

	host_genesis(*state);
	return err;
}

/* ---- one record in a journal is another one ---------------------------------------------------
 */

struct tale {
	struct host *h;
	uint32_t first;  /* the segment's record, from which a replay begins */
	uint32_t target; /* the record that is damaged */
	uint32_t last;   /* the segment's that completes it */
	struct slice bytes;
};

static int replay(const struct tale *tale, uint32_t from, bool *completed)
{
	struct txn_shard *t = host_fresh(tale->h);
	int err = 0;

	for (uint32_t i = from; i <= tale->last && !err; i++)
		err = txn_apply(t, i == tale->target ? tale->bytes : host_record_bytes(tale->h, i),
				i + 1, tale->h->records[i].at);
	*completed = txn_replay(t).complete;
	if (!err && txn_replay(t).complete) {
		assert_null(txn_verify(t, false));
		txn_resume(t, tale->h->now, 9, 1);
		assert_null(txn_verify(t, true));
	}
	return err;
}

static uint64_t decode_space[16 * 1024];
static struct arena arena;

static void decode(const struct host *h, uint32_t index, enum wire_kind kind, void *record)
{
	enum wire_kind found;

	arena_init(&arena, decode_space, sizeof decode_space);
	assert_int_equal(wire_peek_kind(host_record_bytes(h, index), &found), 0);
	assert_int_equal(found, kind);
	assert_int_equal(wire_decode(kind, host_record_bytes(h, index), &arena, record, NULL), 0);
}

static void damaged(struct tale *tale, const char *what, enum wire_kind kind, const void *record,
		    int whole, int middle)
{
	uint8_t *memory = malloc(WIRE_MESSAGE_SIZE_MAX);
	struct buf out;
	bool complete;
	int err;

	assert_non_null(memory);
	buf_init_fixed(&out, memory, WIRE_MESSAGE_SIZE_MAX);
	if (wire_encode(kind, record, &out) != 0)
		fail_msg("%s cannot be encoded", what);
	tale->bytes = buf_slice(&out);
	err = replay(tale, 0, &complete);
	if (err != whole)
		fail_msg("%s, whole replay: %s", what, err ? err_name(err) : "taken");
	err = replay(tale, tale->first, &complete);
	if (err != middle)
		fail_msg("%s, from the middle: %s", what, err ? err_name(err) : "taken");
	free(memory);
}

/* ---- carried ----------------------------------------------------------------------------------
 */

#define CHANGE(name, ...)                                                                          \
	static void name(struct wire_record_carried *r)                                            \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
	}
#define FIRST r->branches[0]

CHANGE(nothing, (void)r)
CHANGE(other_id, r->saga = slice_str("other"))
CHANGE(other_body_hash, r->body_hash.bytes[3] ^= 1)
CHANGE(other_plan, r->plan.version++)
CHANGE(other_step, r->plan.steps[0].attempt_timeout_ms++)
CHANGE(other_input, r->input = slice_str("other"))
CHANGE(other_accepted, r->accepted_at++)
CHANGE(other_deadline, r->deadline_at++)
CHANGE(other_window, r->retry_until_at++)
CHANGE(other_trace, r->traceparent = slice_str("other"))
CHANGE(other_first, r->first_record--)
CHANGE(other_touch, r->touched_at++)
CHANGE(other_attempts, FIRST.forward_attempts++)
CHANGE(other_code, FIRST.code++)
CHANGE(other_text, FIRST.text = slice_str("other"))
CHANGE(other_output, FIRST.output = slice_str("other"))
CHANGE(other_begin, FIRST.began_at++)
CHANGE(other_admission, r->admission++)
CHANGE(future_admission, r->admission = 1000)
CHANGE(future_record, r->last_record = 1000)
CHANGE(backward_records, r->first_record = r->last_record + 1)
CHANGE(future_begin, FIRST.began_at = UINT64_MAX)
CHANGE(future_touch, r->touched_at = BATCH_TIME_MAX + 1)
CHANGE(lost_branch, r->branch_count--)
CHANGE(lost_branches, r->branch_count = 0)
CHANGE(finished, r->state = WIRE_STATE_COMPLETED)
CHANGE(other_state, r->state = WIRE_STATE_FINISHING)
CHANGE(open_again, r->state = WIRE_STATE_OPEN)
CHANGE(parked_nowhere, r->state = WIRE_STATE_PARKED)
CHANGE(undecided, r->decision = WIRE_DECISION_NONE)
CHANGE(committed, r->decision = WIRE_DECISION_COMMIT; r->reason = 0)
CHANGE(aborted, r->decision = WIRE_DECISION_ABORT; r->state = WIRE_STATE_UNDOING;
       r->reason = WIRE_REASON_DEADLINE)
CHANGE(other_reason, r->reason = WIRE_REASON_IDLE)
CHANGE(refused, r->reason = WIRE_REASON_REFUSED)
CHANGE(begun_by_nothing, FIRST.op = 0)
CHANGE(other_op, FIRST.op = WIRE_OP_UNDO)
CHANGE(no_such_op, FIRST.op = WIRE_OP_SETTLE)
CHANGE(not_begun, FIRST.state = WIRE_BRANCH_PENDING)
CHANGE(ok_without_result, FIRST.state = WIRE_BRANCH_OK)
CHANGE(rejected_without_result, FIRST.state = WIRE_BRANCH_REJECTED)
CHANGE(unknown_without_result, FIRST.state = WIRE_BRANCH_UNKNOWN)
CHANGE(done_without_result, FIRST.state = WIRE_BRANCH_DONE)
CHANGE(undone_before, FIRST.state = WIRE_BRANCH_UNDONE)
CHANGE(settling, FIRST.state = WIRE_BRANCH_SETTLING)
CHANGE(heuristic, FIRST.state = WIRE_BRANCH_HEURISTIC)
CHANGE(enlisted, FIRST.state = WIRE_BRANCH_ENLISTED; FIRST.op = 0)
CHANGE(result_of_what_is_out, FIRST.forward_result = WIRE_EVENT_OK)
CHANGE(result_before, FIRST.undo_result = WIRE_EVENT_OK)
CHANGE(attempts_before, FIRST.undo_attempts = 1)
CHANGE(many_attempts, FIRST.forward_attempts = UINT32_MAX)
CHANGE(second_is_out, r->branches[1].state = WIRE_BRANCH_ACTIVE; r->branches[1].op = FORWARD)
CHANGE(second_waits, r->branches[1].next_at = 5)
CHANGE(finish_of_a_no, FIRST.forward_result = WIRE_EVENT_REJECTED)
CHANGE(finish_of_nothing, FIRST.forward_result = 0)
CHANGE(no_pivot, r->branches[1].state = WIRE_BRANCH_PENDING; r->branches[1].op = 0;
       r->branches[1].forward_result = 0)
CHANGE(plan_of_nobody, r->plan.steps[0].delivery = 7)
CHANGE(plan_of_no_kind, r->plan.steps[0].flags = 6)
CHANGE(plan_in_a_ring, r->plan.steps[0].after = slice_of((const uint8_t *)"\x09", 1))

#define ANY 0
static const struct {
	const char *what;
	void (*state)(struct host *h);
	void (*change)(struct wire_record_carried *r);
	int whole, middle;
} changes[] = {
	{"nothing", state_running, nothing, 0, 0},
	{"the id", state_running, other_id, SAGA_E_STATE, ANY},
	{"the body hash", state_running, other_body_hash, SAGA_E_STATE, ANY},
	{"the plan", state_running, other_plan, SAGA_E_STATE, ANY},
	{"a step", state_running, other_step, SAGA_E_STATE, ANY},
	{"the input", state_running, other_input, SAGA_E_STATE, ANY},
	{"when it was accepted", state_running, other_accepted, SAGA_E_STATE, ANY},
	{"the deadline", state_running, other_deadline, SAGA_E_STATE, ANY},
	{"the window", state_running, other_window, SAGA_E_STATE, ANY},
	{"the trace", state_running, other_trace, SAGA_E_STATE, ANY},
	{"the first record", state_running, other_first, SAGA_E_STATE, ANY},
	{"when somebody came", state_running, other_touch, SAGA_E_STATE, ANY},
	{"attempts", state_running, other_attempts, SAGA_E_STATE, ANY},
	{"the trouble", state_running, other_code, SAGA_E_STATE, ANY},
	{"its words", state_running, other_text, SAGA_E_STATE, ANY},
	{"the output", state_halfway, other_output, SAGA_E_STATE, ANY},
	{"when it began", state_running, other_begin, 0, ANY},
	{"the next admission", state_two_running, other_admission, SAGA_E_STATE, SAGA_E_STATE},
	{"a number to come", state_running, future_admission, SAGA_E_STATE, SAGA_E_STATE},
	{"a record to come", state_running, future_record, SAGA_E_STATE, SAGA_E_STATE},
	{"records backwards", state_running, backward_records, SAGA_E_STATE, SAGA_E_STATE},
	{"a begin to come", state_running, future_begin, SAGA_E_STATE, SAGA_E_STATE},
	{"somebody to come", state_enlisted, future_touch, SAGA_E_STATE, SAGA_E_STATE},
	{"a branch less", state_running, lost_branch, SAGA_E_STATE, SAGA_E_STATE},
	{"no branches", state_running, lost_branches, SAGA_E_STATE, SAGA_E_STATE},
	{"no decision to commit", state_running, other_state, SAGA_E_STATE, SAGA_E_STATE},
	{"open, not interactive", state_running, open_again, SAGA_E_STATE, SAGA_E_STATE},
	{"parked without a branch", state_running, parked_nowhere, SAGA_E_STATE, SAGA_E_STATE},
	{"undoing undecided", state_undoing, undecided, SAGA_E_STATE, SAGA_E_STATE},
	{"undoing and committed", state_undoing, committed, SAGA_E_STATE, SAGA_E_STATE},
	{"another reason", state_undoing, other_reason, SAGA_E_STATE, ANY},
	{"a reason of the inbox", state_undoing, refused, SAGA_E_STATE, SAGA_E_STATE},
	{"a reason without abort", state_running, other_reason, SAGA_E_STATE, SAGA_E_STATE},
	{"abort while it is out", state_running, aborted, SAGA_E_STATE, SAGA_E_STATE},
	{"out by nothing", state_running, begun_by_nothing, SAGA_E_STATE, SAGA_E_STATE},
	{"out by an undo", state_running, other_op, SAGA_E_STATE, SAGA_E_STATE},
	{"an operation it has not", state_running, no_such_op, SAGA_E_STATE, SAGA_E_STATE},
	{"pending by an operation", state_running, not_begun, SAGA_E_STATE, SAGA_E_STATE},
	{"ok by nothing", state_running, ok_without_result, SAGA_E_STATE, SAGA_E_STATE},
	{"rejected by nothing", state_running, rejected_without_result, SAGA_E_STATE, SAGA_E_STATE},
	{"unknown by nothing", state_running, unknown_without_result, SAGA_E_STATE, SAGA_E_STATE},
	{"done by nothing", state_running, done_without_result, SAGA_E_STATE, SAGA_E_STATE},
	{"undone by a forward", state_running, undone_before, SAGA_E_STATE, SAGA_E_STATE},
	{"settling by a forward", state_running, settling, SAGA_E_STATE, SAGA_E_STATE},
	{"heuristic action", state_running, heuristic, SAGA_E_STATE, SAGA_E_STATE},
	{"enlisted in a saga", state_running, enlisted, SAGA_E_STATE, SAGA_E_STATE},
	{"out with a result", state_running, result_of_what_is_out, SAGA_E_STATE, SAGA_E_STATE},
	{"a result to come", state_running, result_before, SAGA_E_STATE, SAGA_E_STATE},
	{"attempts to come", state_running, attempts_before, SAGA_E_STATE, SAGA_E_STATE},
	{"more attempts than records", state_running, many_attempts, SAGA_E_STATE, SAGA_E_STATE},
	{"a branch before its turn", state_running, second_is_out, SAGA_E_STATE, SAGA_E_STATE},
	{"a wait of what has not begun", state_running, second_waits, SAGA_E_STATE, SAGA_E_STATE},
	{"no: finished", state_finishing, finish_of_a_no, SAGA_E_STATE, SAGA_E_STATE},
	{"nothing: finished", state_finishing, finish_of_nothing, SAGA_E_STATE, SAGA_E_STATE},
	{"open, and decided", state_enlisted, committed, SAGA_E_STATE, SAGA_E_STATE},
	{"pending in an interactive one", state_enlisted, not_begun, SAGA_E_STATE, SAGA_E_STATE},
	{"no way back, undone", state_without_return, aborted, SAGA_E_STATE, SAGA_E_STATE},
	{"decided before the pivot", state_decided, no_pivot, SAGA_E_STATE, SAGA_E_STATE},
	{"a delivery there is not", state_running, plan_of_nobody, SAGA_E_STATE, SAGA_E_STATE},
	{"a kind there is not", state_running, plan_of_no_kind, SAGA_E_STATE, SAGA_E_STATE},
	{"after what there is not", state_running, plan_in_a_ring, SAGA_E_STATE, SAGA_E_STATE},
};

/* Its carry is the first record behind the segment's. */
static struct tale tell(struct host *h, void (*state)(struct host *h))
{
	struct tale tale = {.h = h};

	state(h);
	tale.first = host_segment(h, 2);
	host_carry(h, tale.first + 1, 1000000);
	tale.target = tale.first + 1;
	tale.last = host_segment(h, tale.first + 1);
	return tale;
}

static void carried_state_is_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		struct wire_record_carried r;
		struct host *h;
		void *place;

		assert_int_equal(set_up(&place), 0);
		h = place;
		struct tale tale = tell(h, changes[i].state);

		decode(h, tale.target, WIRE_RECORD_CARRIED, &r);
		changes[i].change(&r);
		damaged(&tale, changes[i].what, WIRE_RECORD_CARRIED, &r, changes[i].whole,
			changes[i].middle);
		assert_int_equal(host_tear_down(&place), 0);
	}
}

/* A state that only the decoder refuses. */
static void final_states_are_not_carried(void **state)
{
	struct wire_record_carried r;
	uint8_t memory[4096];
	struct buf out;
	const struct tale tale = tell(*state, state_running);

	decode(*state, tale.target, WIRE_RECORD_CARRIED, &r);
	buf_init_fixed(&out, memory, sizeof memory);
	finished(&r);
	assert_int_equal(wire_encode(WIRE_RECORD_CARRIED, &r, &out), 0);
	assert_int_equal(txn_apply(host_fresh(*state), buf_slice(&out), 1, 1), SAGA_E_STATE);
}

/* ---- remembered -------------------------------------------------------------------------------
 */

#define CHANGE_ID(name, ...)                                                                       \
	static void name(struct wire_remembered *id)                                               \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
	}

CHANGE_ID(id_same, (void)id)
CHANGE_ID(id_other, id->saga = slice_str("other"))
CHANGE_ID(id_admission, id->admission = 1000)
CHANGE_ID(id_definition, id->definition = slice_str("other"))
CHANGE_ID(id_version, id->definition_version++)
CHANGE_ID(id_hash, id->body_hash.bytes[0] ^= 1)
CHANGE_ID(id_accepted, id->accepted_at++)
CHANGE_ID(id_deadline, id->deadline_at++)
CHANGE_ID(id_finished, id->finished_at++)
CHANGE_ID(id_window, id->retry_until_at--)
CHANGE_ID(id_memory, id->remember_until_at++)
CHANGE_ID(id_short_memory, id->remember_until_at = id->retry_until_at - 1)
CHANGE_ID(id_no_memory, id->remember_until_at = id->finished_at)
CHANGE_ID(id_first, id->first_record--)
CHANGE_ID(id_future, id->last_record = 1000)
CHANGE_ID(id_code, id->code++)
CHANGE_ID(id_heuristics, id->heuristics++)
CHANGE_ID(id_state, id->state = WIRE_STATE_COMPENSATED)
CHANGE_ID(id_decision, id->decision = WIRE_DECISION_ABORT)
CHANGE_ID(id_reason, id->reason = WIRE_REASON_IDLE)
CHANGE_ID(id_blocked, id->state = WIRE_STATE_CANCELLED; id->decision = WIRE_DECISION_ABORT;
	  id->reason = WIRE_REASON_CANCELLED)

/* Of what is carried: "s" is completed, "x" blocked. */
static const struct {
	const char *what;
	void (*change)(struct wire_remembered *id);
	uint32_t index;
	int whole, middle;
} id_changes[] = {
	{"nothing", id_same, 0, 0, 0},
	{"the id", id_other, 0, SAGA_E_STATE, ANY},
	{"a number to come", id_admission, 0, SAGA_E_STATE, SAGA_E_STATE},
	{"the definition", id_definition, 0, SAGA_E_STATE, ANY},
	{"its version", id_version, 0, SAGA_E_STATE, ANY},
	{"the body hash", id_hash, 0, SAGA_E_STATE, ANY},
	{"when it was accepted", id_accepted, 0, SAGA_E_STATE, ANY},
	{"the deadline", id_deadline, 0, SAGA_E_STATE, ANY},
	{"the end", id_finished, 0, SAGA_E_STATE, ANY},
	{"the window", id_window, 0, SAGA_E_STATE, ANY},
	{"the memory", id_memory, 0, SAGA_E_STATE, ANY},
	{"forgotten within the window", id_short_memory, 0, SAGA_E_STATE, SAGA_E_STATE},
	{"forgotten at once", id_no_memory, 0, SAGA_E_STATE, SAGA_E_STATE},
	{"the first record", id_first, 0, SAGA_E_STATE, ANY},
	{"a record to come", id_future, 0, SAGA_E_STATE, SAGA_E_STATE},
	{"why it was refused", id_code, 1, SAGA_E_STATE, ANY},
	{"heuristics", id_heuristics, 0, SAGA_E_STATE, ANY},
	{"compensated by a commit", id_state, 0, SAGA_E_STATE, SAGA_E_STATE},
	{"completed by an abort", id_decision, 0, SAGA_E_STATE, SAGA_E_STATE},
	{"completed for a reason", id_reason, 0, SAGA_E_STATE, SAGA_E_STATE},
	{"blocked for another reason", id_reason, 1, SAGA_E_STATE, SAGA_E_STATE},
	{"blocked, with a definition", id_blocked, 0, SAGA_E_STATE, SAGA_E_STATE},
	{"blocked by a definition", id_definition, 1, SAGA_E_STATE, SAGA_E_STATE},
};

static void remembered_ids_are_checked(void **state)
{
	struct tale tale = tell(*state, state_remembered);
	struct wire_record_remembered r;

	for (size_t i = 0; i < sizeof id_changes / sizeof id_changes[0]; i++) {
		decode(*state, tale.target, WIRE_RECORD_REMEMBERED, &r);
		assert_int_equal(r.id_count, 2);
		id_changes[i].change(&r.ids[id_changes[i].index]);
		damaged(&tale, id_changes[i].what, WIRE_RECORD_REMEMBERED, &r, id_changes[i].whole,
			id_changes[i].middle);
	}
	decode(*state, tale.target, WIRE_RECORD_REMEMBERED, &r);
	r.ids[1] = r.ids[0];
	damaged(&tale, "twice the same", WIRE_RECORD_REMEMBERED, &r, SAGA_E_STATE, SAGA_E_STATE);
	decode(*state, tale.target, WIRE_RECORD_REMEMBERED, &r);
	r.id_count = 1;
	damaged(&tale, "one is left out", WIRE_RECORD_REMEMBERED, &r, SAGA_E_STATE, SAGA_E_STATE);
}

/* ---- segments ---------------------------------------------------------------------------------
 */

#define CHANGE_SEGMENT(name, ...)                                                                  \
	static void name(struct wire_record_segment *r)                                            \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
	}

CHANGE_SEGMENT(segment_same, (void)r)
CHANGE_SEGMENT(segment_number, r->number++)
CHANGE_SEGMENT(segment_whole, r->whole_from = 100)
CHANGE_SEGMENT(segment_whole_too_late, r->whole_from += 2)
CHANGE_SEGMENT(segment_cluster, r->cluster = slice_str("other"))
CHANGE_SEGMENT(segment_shard, r->shard = 1)
CHANGE_SEGMENT(segment_shards, r->shard_count++)
CHANGE_SEGMENT(segment_slots, r->slots.bytes[0] ^= 1)
CHANGE_SEGMENT(segment_created, r->created = slice_str("yesterday"))
CHANGE_SEGMENT(segment_admission, r->next_admission++)
CHANGE_SEGMENT(segment_admissions, r->next_admission = 1000)
CHANGE_SEGMENT(segment_clock, r->clock_at++)
CHANGE_SEGMENT(segment_far_clock, r->clock_at = UINT64_MAX)
CHANGE_SEGMENT(segment_epoch, r->epoch++)
CHANGE_SEGMENT(segment_inbox, r->inbox_sequence++)
CHANGE_SEGMENT(segment_history, r->history_record++)
CHANGE_SEGMENT(segment_future_history, r->history_record = 1000)
CHANGE_SEGMENT(segment_known, r->known++)
CHANGE_SEGMENT(segment_less, r->known--; r->open = 0)
CHANGE_SEGMENT(segment_open, r->open++)
CHANGE_SEGMENT(segment_more_open, r->open = r->known + 1)

/* The one that begins the replay from the middle, and the one that completes it. */
static const struct {
	const char *what;
	void (*change)(struct wire_record_segment *r);
	int whole, begin, end;
} segment_changes[] = {
	{"nothing", segment_same, 0, 0, 0},
	{"the number", segment_number, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"whole from a record to come", segment_whole, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"whole from too late", segment_whole_too_late, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"the cluster", segment_cluster, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"the shard", segment_shard, SAGA_E_JOURNAL_FOREIGN, SAGA_E_JOURNAL_FOREIGN,
	 SAGA_E_JOURNAL_FOREIGN},
	{"the shards", segment_shards, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"the slots", segment_slots, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"the stream", segment_created, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"the next admission", segment_admission, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"more admissions than records", segment_admissions, SAGA_E_STATE, SAGA_E_STATE,
	 SAGA_E_STATE},
	{"the clock", segment_clock, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"the end of time", segment_far_clock, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"the epoch", segment_epoch, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"the inbox", segment_inbox, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"the history", segment_history, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"history to come", segment_future_history, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"one more id", segment_known, SAGA_E_STATE, ANY, SAGA_E_STATE},
	{"one less", segment_less, SAGA_E_STATE, ANY, SAGA_E_STATE},
	{"one more open", segment_open, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
	{"more open than known", segment_more_open, SAGA_E_STATE, SAGA_E_STATE, SAGA_E_STATE},
};

static void segments_are_checked(void **state)
{
	struct tale tale = tell(*state, state_two_running);
	struct wire_record_segment r;

	for (size_t i = 0; i < sizeof segment_changes / sizeof segment_changes[0]; i++) {
		tale.target = tale.first;
		decode(*state, tale.target, WIRE_RECORD_SEGMENT, &r);
		segment_changes[i].change(&r);
		damaged(&tale, segment_changes[i].what, WIRE_RECORD_SEGMENT, &r,
			segment_changes[i].whole, segment_changes[i].begin);
		tale.target = tale.last;
		decode(*state, tale.target, WIRE_RECORD_SEGMENT, &r);
		segment_changes[i].change(&r);
		damaged(&tale, segment_changes[i].what, WIRE_RECORD_SEGMENT, &r,
			segment_changes[i].whole, segment_changes[i].end);
	}
}

/* ---- what is missing --------------------------------------------------------------------------
 */

/* S17: nothing rests on something being absent. */
static void a_carry_that_is_missing_is_found(void **state)
{
	struct tale tale = tell(*state, state_two_running);
	const struct wire_record_noop noop = {0};

	damaged(&tale, "no carry", WIRE_RECORD_NOOP, &noop, SAGA_E_STATE, SAGA_E_STATE);
}

static void what_is_not_known_behind_it_is_damage(void **state)
{
	struct host *h = *state;
	const struct tale tale = tell(h, state_two_running);
	const struct wire_record_branch r = {
		.admission = 99, .op = FORWARD, .event = WIRE_EVENT_OK, .attempt = 1};
	const struct wire_record_branch known = {
		.admission = 2, .op = FORWARD, .event = WIRE_EVENT_OK, .attempt = 1};
	struct txn_shard *t = host_replay_from(h, tale.first, tale.first + 1);

	/* Before: what is from before it may be unknown, what was admitted since may not. */
	assert_int_equal(txn_fold(t, WIRE_RECORD_BRANCH, &known), 0);
	assert_int_equal(txn_replay(t).skipped, 1);
	assert_int_equal(txn_fold(t, WIRE_RECORD_BRANCH, &r), SAGA_E_STATE);
	t = host_replay_from(h, tale.first, tale.last + 1);
	assert_true(txn_replay(t).complete);
	const struct wire_record_branch none = {
		.admission = 3, .op = FORWARD, .event = WIRE_EVENT_OK, .attempt = 1};

	assert_int_equal(txn_fold(t, WIRE_RECORD_BRANCH, &none), SAGA_E_STATE);
	assert_int_equal(txn_fold(t, WIRE_RECORD_BRANCH, &known), 0);
	assert_int_equal(txn_replay(t).skipped, 0);
}

static void nothing_else_begins_a_replay(void **state)
{
	struct host *h = *state;
	const struct tale tale = tell(h, state_two_running);
	const struct slice segment = host_record_bytes(h, tale.first);

	for (uint32_t i = 1; i < h->record_count; i++) {
		if (i == tale.first || i == tale.last)
			continue;
		assert_int_equal(txn_apply(host_fresh(h), host_record_bytes(h, i), i + 1, 1),
				 SAGA_E_JOURNAL_GAP);
	}
	assert_int_equal(txn_apply(host_fresh(h), segment, 0, 1), SAGA_E_JOURNAL_GAP);
	assert_int_equal(txn_apply(host_fresh(h), segment, 1, 1), SAGA_E_STATE);
	assert_int_equal(txn_apply(host_fresh(h), segment, UINT64_MAX, 1), SAGA_E_JOURNAL_GAP);
	struct txn_shard *t = host_replay_from(h, tale.first, tale.first + 1);

	assert_int_equal(txn_apply(t, host_record_bytes(h, tale.first + 2), tale.first + 3, 1),
			 SAGA_E_JOURNAL_GAP);
}

static void history_goes_forward(void **state)
{
	struct host *h = *state;
	const struct wire_record_history_mark two = {.record = 2}, one = {.record = 1},
					      far = {.record = 1000};

	state_running(h);
	assert_int_equal(txn_fold(h->t, WIRE_RECORD_HISTORY_MARK, &far), SAGA_E_STATE);
	assert_int_equal(txn_fold(h->t, WIRE_RECORD_HISTORY_MARK, &two), 0);
	assert_int_equal(txn_fold(h->t, WIRE_RECORD_HISTORY_MARK, &two), SAGA_E_STATE);
	assert_int_equal(txn_fold(h->t, WIRE_RECORD_HISTORY_MARK, &one), SAGA_E_STATE);
}

/* ---- bugs of the caller -----------------------------------------------------------------------
 */

static struct host *buggy;

static void carry_beyond_the_end(void)
{
	host_carry(buggy, buggy->record_count + 2, 1);
}

static void segment_too_soon(void)
{
	(void)host_segment(buggy, txn_whole_from(buggy->t) + 1);
}

static void resume_too_soon(void)
{
	txn_resume(host_replay_from(buggy, buggy->record_count - 1, buggy->record_count),
		   buggy->now, 9, 1);
}

static void bugs_stop_it(void **state)
{
	buggy = *state;
	state_running(buggy);
	assert_true(aborts(carry_beyond_the_end));
	assert_true(aborts(segment_too_soon));
	(void)host_segment(buggy, 2);
	assert_true(aborts(resume_too_soon));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, host_tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carried_state_is_checked),
		TEST(final_states_are_not_carried),
		TEST(remembered_ids_are_checked),
		TEST(segments_are_checked),
		TEST(a_carry_that_is_missing_is_found),
		TEST(what_is_not_known_behind_it_is_damage),
		TEST(nothing_else_begins_a_replay),
		TEST(history_goes_forward),
		TEST(bugs_stop_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
