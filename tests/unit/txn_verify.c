/* The walk that all other tests trust: whatever in the state is broken by hand, it must name. */
#include "tests/unit/txn_states.h"
#include "wire/record.h"

#define FORWARD WIRE_OP_FORWARD
#define UNDO    WIRE_OP_UNDO

#define DAMAGE(name, ...)                                                                          \
	static void name(struct host *h)                                                           \
	{                                                                                          \
		struct txn_shard *t = h->t;                                                        \
		struct txn_entry *e = state_entry(h, "s");                                         \
		(void)t;                                                                           \
		(void)e;                                                                           \
		__VA_ARGS__                                                                        \
	}

DAMAGE(says_abort, e->decision = WIRE_DECISION_ABORT; e->reason = WIRE_REASON_CANCELLED;
       e->state = WIRE_STATE_UNDOING;)
DAMAGE(says_nothing, e->decision = WIRE_DECISION_NONE; e->reason = WIRE_REASON_NONE;
       e->state = WIRE_STATE_RUNNING;)
DAMAGE(closed_too_early, e->state = WIRE_STATE_RUNNING;)
DAMAGE(no_yes, state_branch(h, 0)->result[0] = WIRE_EVENT_UNKNOWN;)
DAMAGE(pivot_is_gone, says_nothing(h); state_branch(h, 1)->state = WIRE_BRANCH_DONE;)
DAMAGE(of_another_entry, state_branch(h, 0)->entry++;)
DAMAGE(of_another_step, state_branch(h, 0)->step = 1;)
DAMAGE(output_nowhere, state_branch(h, 0)->output_size = 1;)
DAMAGE(long_text, state_branch(h, 0)->text_size = TXN_TEXT_KEPT_MAX + 1;)
DAMAGE(timer_for_nothing, state_branch(h, 0)->wait = TXN_WAIT_OPERATOR;)
DAMAGE(no_timer, timer_cancel(&t->timers, &state_branch(h, 0)->timer);)
DAMAGE(retry_without_timer, no_timer(h); state_branch(h, 0)->wait = TXN_WAIT_RETRY;)
DAMAGE(ends_before_its_timer, state_branch(h, 0)->ends_at = state_branch(h, 0)->timer.deadline - 1;)
DAMAGE(waits_before_it_began, state_branch(h, 1)->wait = TXN_WAIT_OPERATOR;)
DAMAGE(nobody_sends_it, no_timer(h); state_branch(h, 0)->wait = TXN_WAIT_NOTHING;)
DAMAGE(given_up_unparked, no_timer(h); state_branch(h, 0)->wait = TXN_WAIT_OPERATOR;)
DAMAGE(next_of_nothing, state_branch(h, 1)->next_at = 5;)
DAMAGE(another_class, state_branch(h, 1)->class = TXN_CLASS_OPTIONAL;)
DAMAGE(pending_with_op, state_branch(h, 1)->op = FORWARD;)
DAMAGE(enlisted_with_op, state_branch(h, 0)->op = FORWARD;)
DAMAGE(undone_too_early, state_branch(h, 0)->state = WIRE_BRANCH_UNDONE;
       state_branch(h, 0)->op = UNDO;)
DAMAGE(ended_with_a_body, e->state = WIRE_STATE_COMPLETED;)
DAMAGE(plan_of_nobody, e->body->plan->references = 0;)
DAMAGE(miscounted_parked, e->body->parked = 1;)
DAMAGE(parked_by_name, e->state = WIRE_STATE_PARKED;)
DAMAGE(reason_for_nothing, e->reason = WIRE_REASON_DEADLINE;)
DAMAGE(abort_for_nothing, e->decision = WIRE_DECISION_ABORT; e->state = WIRE_STATE_UNDOING;)
DAMAGE(runs_though_decided, e->decision = WIRE_DECISION_COMMIT;)
DAMAGE(finishes_undecided, e->state = WIRE_STATE_FINISHING;)
DAMAGE(undoes_undecided, e->state = WIRE_STATE_UNDOING;)
DAMAGE(unknown_state, e->state = 9;)
DAMAGE(no_deadline, timer_cancel(&t->timers, &e->timer);)
DAMAGE(empty_entry, e->state = WIRE_STATE_NONE;)
DAMAGE(another_id, e->names[0]++;)
DAMAGE(another_admission, e->admission++;)
DAMAGE(records_backwards, e->first_record = e->last_record + 1;)
DAMAGE(record_to_come, e->last_record = t->last_record + 1;)
DAMAGE(waiter_of_another, t->waiters[e->waiters].entry++;)
DAMAGE(waiter_is_nobody, t->waiters[e->waiters].reply_to = 0;)
DAMAGE(final_that_runs, e->state = WIRE_STATE_RUNNING;)
DAMAGE(waits_for_what_is_over, e->waiters = 0;
       t->waiters[0] = (struct txn_waiter){.reply_to = 9, .next = TXN_NONE};
       t->waiters[0].entry = txn_entry_number(t, e);)
DAMAGE(kept_for_ever, timer_cancel(txn_memory_of(t, e), &e->timer);)
DAMAGE(kept_too_short, e->retry_until_at = e->timer.deadline + 1;)
DAMAGE(forgotten_at_once, e->finished_at = e->timer.deadline;)
DAMAGE(next_is_taken, t->next_admission = e->admission;)
DAMAGE(one_entry_more, t->entries_used++;)
DAMAGE(one_id_more, t->by_id.count++;)
DAMAGE(one_admission_more, t->by_admission.count++;)
DAMAGE(one_open_more, t->open++;)
DAMAGE(one_parked_more, t->parked++;)
DAMAGE(one_branch_more, t->branches++;)
DAMAGE(one_memory_more, t->forget.count++;)
DAMAGE(in_the_wrong_heap, t->forget.count--; t->tombstones.count++;)
DAMAGE(one_waiter_more, t->waiters_used++;)
DAMAGE(within_a_step, static struct txn_effects effects; t->effects = &effects;)
DAMAGE(unsent, t->pending_count = 1;)
DAMAGE(payload_of_nobody, t->payload.used = 64;)
DAMAGE(timer_of_nobody, t->timers.count = 1;)
DAMAGE(not_among_the_open, t->open_first = TXN_NONE;)
DAMAGE(out_of_order, struct txn_entry *other = state_entry(h, "z");
       t->first = txn_entry_number(t, other); other->next = txn_entry_number(t, e);
       e->next = TXN_NONE;)

/* More than one saga may have, in a row. */
DAMAGE(crowd, for (uint32_t i = 0; i <= TXN_WAITERS_OF_SAGA_MAX; i++) t->waiters[i] =
		      (struct txn_waiter){
			      .reply_to = i + 1,
			      .entry = txn_entry_number(t, e),
			      .next = i < TXN_WAITERS_OF_SAGA_MAX ? i + 1 : TXN_NONE,
		      };
       e->waiters = 0;)

static const struct {
	const char *what;
	void (*sound)(struct host *h);
	void (*damage)(struct host *h);
	const char *finding; /* part of the condition that it names */
	bool replayed;       /* asked as of a replay: no timers are armed there */
} cases[] = {
	{"forward after an abort", state_running, says_abort, "!forward || !abort", true},
	{"enlisted though closed", state_enlisted, closed_too_early, "!= WIRE_BRANCH_ENLISTED ||",
	 true},
	{"an undo undecided", state_undoing, says_nothing, "!= WIRE_BRANCH_UNDOING ||", true},
	{"a finish undecided", state_finishing, says_nothing, "b->op != WIRE_OP_FINISH", true},
	{"a finish without a yes", state_finishing, no_yes, "b->op != WIRE_OP_FINISH", true},
	{"a pivot's yes undecided", state_decided, says_nothing, "irrevocable", true},
	{"retriable undecided", state_decided, pivot_is_gone, "TXN_CLASS_RETRIABLE", true},
	{"entry", state_running, of_another_entry, "b->entry ==", false},
	{"step", state_running, of_another_step, "branches[b->step] == b", false},
	{"output", state_running, output_nowhere, "b->output != NULL", false},
	{"text", state_running, long_text, "b->text_size <=", false},
	{"a timer too much", state_running, timer_for_nothing, "== timed", false},
	{"a timer too few", state_running, no_timer, "== timed", false},
	{"a retry without a timer", state_running, retry_without_timer, "== timed", false},
	{"end before timer", state_running, ends_before_its_timer, "<= b->ends_at", false},
	{"pending and waiting", state_running, waits_before_it_began, "outstanding || b->wait",
	 false},
	{"out and unsent", state_running, nobody_sends_it, "!live || !outstanding", false},
	{"given up", state_running, given_up_unparked, "TXN_WAIT_OPERATOR ||", false},
	{"planned for nothing", state_running, next_of_nothing, "b->next_at == 0", false},
	{"class", state_running, another_class, "b->class ==", false},
	{"pending with an operation", state_running, pending_with_op,
	 "WIRE_BRANCH_PENDING) <=", false},
	{"enlisted with one", state_enlisted, enlisted_with_op, "|| b->op == 0", false},
	{"begun before what it waits for", state_halfway, no_yes, "went_by", false},
	{"undone before what waits for it", state_undoing, undone_too_early, "& ~settled) == 0",
	 false},
	{"ended with a body", state_running, ended_with_a_body, "!wire_state_final", false},
	{"plan", state_running, plan_of_nobody, "references > 0", false},
	{"parked", state_running, miscounted_parked, "body->parked == (uint32_t)", false},
	{"parked without a branch", state_running, parked_by_name, "(body->parked > 0) ==", false},
	{"a reason without an abort", state_running, reason_for_nothing, "WIRE_REASON_NONE", false},
	{"an abort without a reason", state_running, abort_for_nothing, "WIRE_REASON_NONE", false},
	{"running though decided", state_running, runs_though_decided, "verify_state(e)", false},
	{"finishing undecided", state_running, finishes_undecided, "verify_state(e)", false},
	{"undoing undecided", state_running, undoes_undecided, "verify_state(e)", false},
	{"no such state", state_running, unknown_state, "verify_state(e)", false},
	{"no deadline", state_running, no_deadline, "timer_armed(&e->timer) ||", false},
	{"an abort without return", state_without_return, says_abort,
	 "txn_no_return(body) ==", true},
	{"no state", state_running, empty_entry, "!= WIRE_STATE_NONE", false},
	{"id", state_running, another_id, "txn_entry_find", false},
	{"admission", state_running, another_admission, "txn_entry_by_admission", false},
	{"records backwards", state_running, records_backwards, "e->first_record <=", false},
	{"a record to come", state_running, record_to_come, "e->first_record <=", false},
	{"a waiter of another", state_running, waiter_of_another, "waiters[w].entry ==", false},
	{"a waiter without name", state_running, waiter_is_nobody, "reply_to != 0", false},
	{"a crowd of waiters", state_running, crowd, "waiters <=", false},
	{"running without a body", state_remembered, final_that_runs, "wire_state_final", false},
	{"a waiter for the past", state_remembered, waits_for_what_is_over, "e->waiters ==", false},
	{"kept for ever", state_remembered, kept_for_ever, "timer_armed(&e->timer)", false},
	{"kept too short", state_remembered, kept_too_short, "e->retry_until_at", false},
	{"forgotten at once", state_remembered, forgotten_at_once, "e->retry_until_at", false},
	{"order", state_two_running, out_of_order, "e->admission > admission", false},
	{"next admission", state_running, next_is_taken, "admission < t->next", false},
	{"entries", state_running, one_entry_more, "entries == t->entries_used", false},
	{"ids", state_running, one_id_more, "by_id.count", false},
	{"admissions", state_running, one_admission_more, "by_admission.count", false},
	{"open", state_running, one_open_more, "open == t->open", false},
	{"parked sagas", state_running, one_parked_more, "parked == t->parked", false},
	{"branches", state_running, one_branch_more, "branches == t->branches", false},
	{"memory", state_remembered, one_memory_more, "entries - open ==", false},
	{"tombstones", state_remembered, in_the_wrong_heap, "tombstones == t->", false},
	{"waiters", state_running, one_waiter_more, "t->waiters_used ==", false},
	{"a step under way", state_running, within_a_step, "t->effects == NULL", false},
	{"messages left", state_running, unsent, "t->pending_count == 0", false},
	{"payload", state_remembered, payload_of_nobody, "open > 0 ||", false},
	{"timers", state_remembered, timer_of_nobody, "open > 0 ||", false},
	{"list of the open", state_running, not_among_the_open, "open == 0", false},
};

static void each_damage_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		static struct host h;
		const char *finding;

		host_init(&h);
		h.limits.waiters_max = 2 * TXN_WAITERS_OF_SAGA_MAX;
		host_start(&h);
		cases[i].sound(&h);
		assert_null(txn_verify(h.t, true));
		assert_null(txn_verify(h.t, false));
		cases[i].damage(&h);
		finding = txn_verify(h.t, !cases[i].replayed);
		if (!finding || !strstr(finding, cases[i].finding))
			fail_msg("%s: found \"%s\"", cases[i].what, finding ? finding : "nothing");
		host_close(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_damage_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
