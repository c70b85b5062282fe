/* The participant half of libsaga against a scripted owner: delivery (S13, S15) and bad input. */
#include "tests/integration/client_service_bench.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the ordinary case
 * ----------------------------------------------------------------------------------- */

static void a_frame_is_worked_and_acknowledged(void **state)
{
	struct bench *bench = *state;
	struct saga_service_stats stats;

	start_service(bench, 4, 5000, 2000);
	set_gate(bench, true);
	send_commands(bench, 2, "s", 8);
	RUN_UNTIL(&bench->owner, running(bench) == 4); /* side by side */
	set_gate(bench, false);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(bench->count, 8);
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(bench->got[i].outcome, WIRE_OUTCOME_OK);
		assert_int_equal(bench->got[i].shard, 2);
		assert_int_equal(bench->got[i].epoch, OWNER_EPOCH);
		assert_int_equal(bench->got[i].attempt, 1);
		assert_string_equal(bench->got[i].output, "input");
	}
	stats = stats_of(bench);
	assert_int_equal(stats.commands, 8);
	assert_int_equal(stats.ok, 8);
	assert_int_equal(stats.frames, 1);
	assert_int_equal(stats.replies_sent, 8);
	assert_int_equal(stats.dispositions, 8);
	assert_int_equal(stats.redelivered + stats.holds_expired + stats.undecodable, 0);
}

static void replies_for_one_shard_travel_together(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 1, 5000, 2000);
	/* One thread is held, so everything else is ready when it goes on. */
	set_gate(bench, true);
	for (uint32_t i = 0; i < 3; i++) {
		char prefix[8];

		(void)snprintf(prefix, sizeof prefix, "f%u-", i);
		send_commands(bench, i == 1 ? 3 : 1, prefix, 20);
	}
	RUN_UNTIL(&bench->owner, running(bench) == 1);
	set_gate(bench, false);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(bench->count, 60);
	assert_true(bench->frames < 60);
	/* And never two shards in one (the owner checks that the subject and the frame agree). */
	for (uint32_t i = 0; i < bench->count; i++)
		assert_int_equal(bench->got[i].shard, bench->got[i].saga[1] == '1' ? 3 : 1);
}

static void many_frames_pass(void **state)
{
	struct bench *bench = *state;
	char prefix[16];

	start_service(bench, 4, 5000, 2000);
	for (uint32_t i = 0; i < 100; i++) {
		(void)snprintf(prefix, sizeof prefix, "m%u-", i);
		send_commands(bench, i % OWNER_SHARDS, prefix, 4);
	}
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_true(bench->count >= 400); /* on a slow machine some are re-sent */
	assert_int_equal(run_count(bench), 400);
	assert_int_equal(stats_of(bench).redelivered, 0);
}

/* The threads have learnt that handlers are quick, and take many commands at once. Then one blocks:
 * what was done before it is told, and what comes after it is done by the others. */
static void a_handler_that_blocks_keeps_only_itself(void **state)
{
	struct bench *bench = *state;
	char prefix[16];

	start_service(bench, 2, 5000, 2000);
	for (uint32_t i = 0; i < 20; i++) {
		(void)snprintf(prefix, sizeof prefix, "m%u-", i);
		send_commands(bench, 0, prefix, 5);
	}
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 100);
	set_blocked(bench, "x7");
	send_commands(bench, 0, "x", 20);
	RUN_UNTIL(&bench->owner, run_count(bench) == 120 && running(bench) == 1);
	RUN_UNTIL(&bench->owner, stats_of(bench).replies_sent >= 119);
	assert_int_equal(replies_of(bench, "x7"), 0);
	set_blocked(bench, NULL);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 120);
}

static void two_services_share_a_connection(void **state)
{
	struct bench *bench = *state;
	struct owner_frame *frame = malloc(sizeof *frame);
	struct saga_service_stats stats;
	struct saga_service *other;

	start_service(bench, 1, 5000, 2000);
	assert_int_equal(saga_service_create(bench->connection, "other", NULL, &other), 0);
	assert_int_equal(saga_service_handle(other, "do", bench_do_work, bench), 0);
	assert_int_equal(saga_service_start(other), 0);
	owner_frame_init(frame, 1, "o", 3);
	frame->frame.service = slice_str("other");
	owner_send_frame_to(&bench->owner, "other", frame);
	send_commands(bench, 1, "s", 5);
	RUN_UNTIL(&bench->owner, bench->count >= 8 && stream_is_empty(bench));
	saga_service_stats(other, &stats);
	assert_int_equal(stats.commands, 3);
	assert_int_equal(stats_of(bench).commands, 5);
	/* One may go without the other. */
	saga_service_free(other);
	send_commands(bench, 1, "t", 1);
	RUN_UNTIL(&bench->owner, replies_of(bench, "t0") >= 1 && stream_is_empty(bench));
	free(frame);
}

/* ---- S13
 * -------------------------------------------------------------------------------------------------
 */

static void a_lost_disposition_is_asked_for_again(void **state)
{
	struct bench *bench = *state;

	bench->silent_frames = 2;
	start_service(bench, 1, 5000, 5000);
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 1);
	assert_int_equal(bench->count, 3);
	assert_int_equal(stats_of(bench).holds_expired, 0);
	for (uint32_t i = 1; i < 3; i++) {
		const uint64_t gap_ms = bench->got[i].at_ms - bench->got[i - 1].at_ms;

		assert_true(gap_ms >= 150);
	}
}

static void obsolete_settles_it_too(void **state)
{
	struct bench *bench = *state;

	bench->kind = WIRE_DISPOSITION_OBSOLETE;
	start_service(bench, 1, 5000, 20000);
	send_commands(bench, 0, "s", 2);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(bench->count, 2);
}

static void not_owner_is_no_disposition(void **state)
{
	struct bench *bench = *state;

	bench->kind = WIRE_DISPOSITION_NOT_OWNER;
	start_service(bench, 1, 5000, 20000);
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, bench->count >= 3);
	assert_int_equal(owner_stream_messages(&bench->owner), 1);
	bench->kind = WIRE_DISPOSITION_RECORDED;
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 1);
}

static void the_hold_is_bounded(void **state)
{
	struct bench *bench = *state;

	bench->silent_frames = UINT32_MAX;
	start_service(bench, 1, 5000, 700);
	send_commands(bench, 0, "s", 3);
	RUN_UNTIL(&bench->owner, bench->count >= 3);
	assert_int_equal(owner_stream_messages(&bench->owner), 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(stats_of(bench).holds_expired, 3);
	assert_int_equal(stats_of(bench).redelivered, 0);
	assert_int_equal(run_count(bench), 3);
}

static void one_stuck_shard_does_not_stop_the_service(void **state)
{
	struct bench *bench = *state;
	struct transport *transport = bench->owner.transport;
	uint64_t began_ms;

	/* Nobody owns any shard now; frames go on being worked all the same. */
	transport->ops->unsubscribe(transport, bench->owner.shards);
	bench->owner.shards = NULL;
	start_service(bench, 2, 5000, 1000);
	began_ms = wait_now_ms();
	for (uint32_t i = 0; i < 8; i++) {
		char prefix[8];

		(void)snprintf(prefix, sizeof prefix, "s%u-", i);
		send_commands(bench, i % OWNER_SHARDS, prefix, 8);
	}
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 64);
	assert_true(wait_now_ms() - began_ms < 20000);
}

static void answers_that_wait_do_not_keep_other_shards_waiting(void **state)
{
	struct bench *bench = *state;
	uint64_t began_ms;

	/* Many more frames of a shard that takes no answers than are worked at a time (4). */
	bench->silent_shards = 1U << 1;
	start_service(bench, 2, 5000, 2000);
	began_ms = wait_now_ms();
	for (uint32_t i = 0; i < 150; i++) {
		char prefix[8];

		(void)snprintf(prefix, sizeof prefix, "s%u-", i);
		send_commands(bench, 1, prefix, 1);
	}
	send_commands(bench, 2, "other", 1);
	RUN_UNTIL(&bench->owner, replies_of(bench, "other0") > 0);
	/* Four at a time for two seconds each would be 75 s. */
	assert_true(wait_now_ms() - began_ms < 10000);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 151);
	assert_int_equal(stats_of(bench).holds_expired, 150);
}

/* ---- S15
 * -------------------------------------------------------------------------------------------------
 */

static int lose_first_time(void *user, const struct saga_context *context,
			   const struct saga_result *result)
{
	(void)context;
	(void)result;
	/* The first 3 answers, which is one frame. */
	return __atomic_fetch_add((int *)user, 1, __ATOMIC_RELAXED) < 3 ? 1 : 0;
}

static void a_redelivered_frame_is_worked_one_by_one(void **state)
{
	struct bench *bench = *state;
	struct saga_service_stats stats;
	int lost = 0;

	start_service(bench, 3, 600, 5000);
	saga_service_set_answer_fault(bench->service, lose_first_time, &lost);
	bench->work_ms = 30;
	send_commands(bench, 0, "s", 3);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 6);
	assert_int_equal(bench->count, 3);
	/* The second time each is answered, and has its disposition, before the next begins. */
	for (uint32_t i = 4; i < 6; i++)
		assert_true(bench->runs[i].began_ms >= bench->runs[i - 1].ended_ms);
	for (uint32_t i = 1; i < 3; i++)
		assert_true(bench->got[i].frame > bench->got[i - 1].frame);
	/* From the other end. */
	assert_string_equal(bench->runs[3].saga, "s2");
	assert_string_equal(bench->runs[5].saga, "s0");
	stats = stats_of(bench);
	assert_int_equal(stats.redelivered, 3);
	assert_int_equal(stats.frames, 2);
}

static void the_next_waits_for_a_disposition(void **state)
{
	struct bench *bench = *state;
	int lost = 0;

	start_service(bench, 3, 600, 1000);
	saga_service_set_answer_fault(bench->service, lose_first_time, &lost);
	bench->silent_frames = UINT32_MAX;
	send_commands(bench, 0, "s", 3);
	RUN_UNTIL(&bench->owner, run_count(bench) == 4);
	/* Re-sends come, the second entry does not; until the hold is over. */
	RUN_UNTIL(&bench->owner, bench->count >= 2);
	assert_int_equal(run_count(bench), 4);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 6);
	assert_true(bench->runs[4].began_ms - bench->runs[3].ended_ms >= 900);
	/* The rest of that frame is not held as long again. */
	assert_true(bench->runs[5].began_ms - bench->runs[4].ended_ms < 900);
}

/* Our in-progress was lost: the broker delivers again what is still at work here. */
static void what_is_in_hand_is_not_run_beside_itself(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 4, 5000, 2000);
	set_gate(bench, true);
	send_commands(bench, 0, "s", 2);
	RUN_UNTIL(&bench->owner, running(bench) == 2);
	owner_publish(&bench->owner, "$JS.ACK.SAGA_CMD.svc_svc.1.1.1.0.0", slice_str("-NAK"));
	RUN_UNTIL(&bench->owner,
		  owner_consumer_number(&bench->owner, "svc", "num_redelivered") == 1);
	owner_run_for(&bench->owner, 300);
	assert_int_equal(run_count(bench), 2);
	set_gate(bench, false);
	/* Its second acknowledgement subject counts. */
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 2);
	assert_true(bench->count >= 2);
	assert_int_equal(stats_of(bench).frames, 1);
}

static void work_in_progress_is_not_redelivered(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 1, 600, 2000);
	bench->work_ms = 2500;
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 1);
	assert_int_equal(stats_of(bench).redelivered, 0);
}

static void heartbeats_say_working(void **state)
{
	struct bench *bench = *state;
	uint32_t working = 0, ok = 0;

	start_service(bench, 1, 5000, 2000);
	bench->work_ms = 400;
	bench->heartbeats = true;
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	for (uint32_t i = 0; i < bench->count; i++) {
		working += bench->got[i].outcome == WIRE_OUTCOME_WORKING ? 1 : 0;
		ok += bench->got[i].outcome == WIRE_OUTCOME_OK ? 1 : 0;
	}
	assert_true(working >= 2);
	assert_int_equal(ok, 1);
	assert_int_equal(stats_of(bench).dispositions, 1);
}

static void the_disposition_of_a_heartbeat_settles_nothing(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 1, 5000, 1000);
	bench->work_ms = 300;
	bench->heartbeats = true;
	bench->late_working = true;
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(stats_of(bench).dispositions, 0);
	assert_int_equal(stats_of(bench).holds_expired, 1);
}

/* ---- bad input
 * --------------------------------------------------------------------------------------------- */

static void frames_that_cannot_be_read_are_terminated(void **state)
{
	struct bench *bench = *state;
	struct owner_frame *frame = malloc(sizeof *frame);

	start_service(bench, 1, 5000, 2000);
	owner_publish(&bench->owner, "saga.v1.cmd.svc", slice_str("garbage"));
	owner_publish(&bench->owner, "saga.v1.cmd.svc", slice_of(NULL, 0));
	/* Well-formed, but somebody else's. */
	owner_frame_init(frame, 0, "x", 1);
	frame->frame.service = slice_str("another");
	owner_send_frame(&bench->owner, frame);
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(bench->count, 1);
	assert_string_equal(bench->got[0].saga, "s0");
	assert_int_equal(stats_of(bench).undecodable, 3);
	assert_int_equal(stats_of(bench).frames, 1);
	free(frame);
}

static void an_unknown_operation_is_parked(void **state)
{
	struct bench *bench = *state;
	struct owner_frame *frame = malloc(sizeof *frame);

	start_service(bench, 1, 5000, 2000);
	owner_frame_init(frame, 0, "s", 2);
	frame->commands[0].op_name = slice_str("fly");
	owner_send_frame(&bench->owner, frame);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_true(replies_of(bench, "s0") > 0 && replies_of(bench, "s1") > 0);
	for (uint32_t i = 0; i < bench->count; i++) {
		if (strcmp(bench->got[i].saga, "s1") == 0) {
			assert_int_equal(bench->got[i].outcome, WIRE_OUTCOME_OK);
			continue;
		}
		assert_int_equal(bench->got[i].outcome, WIRE_OUTCOME_PARK);
		assert_int_equal(bench->got[i].code, err_to_wire(SAGA_E_UNSUPPORTED));
		assert_string_equal(bench->got[i].text, "service svc has no operation fly");
	}
	free(frame);
}

/* ---- block and tell (S4)
 * ---------------------------------------------------------------------------- */

static void settle_as_done(struct saga_context *context, struct saga_result *result, void *user)
{
	if (saga_context_op(context) != SAGA_OP_SETTLE)
		return;
	(*(int *)user)++;
	result->outcome = SAGA_OK;
	(void)snprintf(result->text, sizeof result->text, "%s was done",
		       saga_context_operation_name(context));
}

static void settle_one(struct bench *bench, const char *saga)
{
	struct owner_frame *frame = malloc(sizeof *frame);

	owner_frame_init(frame, 0, saga, 1);
	frame->commands[0].op = WIRE_OP_SETTLE;
	frame->commands[0].operation =
		uuid_operation(slice_str(frame->names[0]), slice_str("step"), slice_str("settle"));
	owner_send_frame(&bench->owner, frame);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	free(frame);
}

/* The operation's own handler would do it, and "not done" would be a guess. */
static void without_a_handler_settling_is_parked(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 1, 5000, 2000);
	settle_one(bench, "s");
	assert_true(bench->count > 0);
	assert_int_equal(bench->got[0].outcome, WIRE_OUTCOME_PARK);
	assert_int_equal(bench->got[0].code, err_to_wire(SAGA_E_UNSUPPORTED));
	assert_string_equal(bench->got[0].text,
			    "service svc cannot say what became of do: register "
			    "a handler with saga_service_settle");
	assert_int_equal(run_count(bench), 0);
}

static void one_handler_settles_all_operations(void **state)
{
	struct bench *bench = *state;
	int settled = 0;

	bench->service = create_service(bench, bench->connection, NULL);
	assert_int_equal(saga_service_settle(bench->service, NULL, NULL), SAGA_ERR_USAGE);
	assert_int_equal(saga_service_settle(bench->service, settle_as_done, &settled), 0);
	assert_int_equal(saga_service_settle(bench->service, settle_as_done, &settled),
			 SAGA_ERR_USAGE);
	assert_int_equal(saga_service_start(bench->service), 0);
	assert_int_equal(saga_service_settle(bench->service, settle_as_done, &settled),
			 SAGA_ERR_USAGE);
	settle_one(bench, "s");
	assert_true(bench->count > 0);
	assert_int_equal(bench->got[0].outcome, WIRE_OUTCOME_OK);
	assert_string_equal(bench->got[0].text, "do was done");
	assert_int_equal(settled, 1);
	assert_int_equal(run_count(bench), 0);
	send_commands(bench, 0, "f", 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(settled, 1);
	assert_int_equal(run_count(bench), 1);
}

static void answer_oddly(struct saga_context *context, struct saga_result *result, void *user)
{
	static const char large[WIRE_OUTPUT_SIZE_MAX + 1];

	(void)user;
	switch (saga_context_saga(context)[1]) {
	case '0': /* forgets to answer */
		break;
	case '1':
		result->outcome = SAGA_OK;
		result->output = large;
		result->output_size = sizeof large;
		break;
	case '2':
		result->outcome = SAGA_REJECTED;
		(void)snprintf(result->text, sizeof result->text, "bad\n\xff text");
		break;
	case '3':
		saga_context_set_verdict(context, SAGA_VERDICT_STALE);
		result->outcome = SAGA_OK;
		break;
	case '4':
		saga_context_set_verdict(context, SAGA_VERDICT_EXPIRED);
		break;
	default:
		saga_context_set_verdict(context, SAGA_VERDICT_EMPTY_UNDO);
		result->outcome = SAGA_OK;
		break;
	}
}

static void odd_answers_are_made_presentable(void **state)
{
	static const struct {
		uint32_t outcome, barrier;
		int code;
	} expected[] = {
		{WIRE_OUTCOME_RETRY, WIRE_BARRIER_FIRST, 0},
		{WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST, SAGA_E_TOO_LARGE},
		{WIRE_OUTCOME_REJECTED, WIRE_BARRIER_FIRST, SAGA_E_REJECTED},
		{WIRE_OUTCOME_STALE, WIRE_BARRIER_FIRST, SAGA_E_STALE},
		{WIRE_OUTCOME_EXPIRED, WIRE_BARRIER_FIRST, SAGA_E_BELOW_LOW_WATER},
		{WIRE_OUTCOME_OK, WIRE_BARRIER_EMPTY_UNDO, 0},
	};
	struct bench *bench = *state;
	struct saga_service_stats stats;

	assert_int_equal(saga_service_create(bench->connection, "svc", NULL, &bench->service), 0);
	assert_int_equal(saga_service_handle(bench->service, "do", answer_oddly, NULL), 0);
	assert_int_equal(saga_service_handle(bench->service, "do", answer_oddly, NULL),
			 SAGA_ERR_USAGE);
	assert_int_equal(saga_service_start(bench->service), 0);
	assert_int_equal(saga_service_start(bench->service), SAGA_ERR_USAGE);
	send_commands(bench, 0, "s", 6);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(bench->count, 6);
	for (uint32_t i = 0; i < 6; i++) {
		const struct got *got = &bench->got[i];
		const int which = got->saga[1] - '0';

		assert_int_equal(got->outcome, expected[which].outcome);
		assert_int_equal(got->barrier, expected[which].barrier);
		assert_int_equal(got->code, err_to_wire(expected[which].code));
		if (which == 2)
			assert_string_equal(got->text, "bad?? text");
		assert_string_equal(got->output, "");
	}
	stats = stats_of(bench);
	assert_int_equal(stats.stale, 1);
	assert_int_equal(stats.expired, 1);
	assert_int_equal(stats.empty_undos, 1);
	assert_int_equal(stats.rejected, 1);
	assert_int_equal(stats.retried, 1);
}

static int double_all(void *user, const struct saga_context *context,
		      const struct saga_result *result)
{
	(void)user;
	(void)context;
	(void)result;
	return 2;
}

static void a_doubled_answer_is_sent_twice(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 1, 5000, 2000);
	saga_service_set_answer_fault(bench->service, double_all, NULL);
	send_commands(bench, 0, "s", 2);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench) && bench->count >= 4);
	assert_int_equal(replies_of(bench, "s0"), 2);
	assert_int_equal(replies_of(bench, "s1"), 2);
	assert_int_equal(run_count(bench), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_is_worked_and_acknowledged),
		TEST(replies_for_one_shard_travel_together),
		TEST(many_frames_pass),
		TEST(a_handler_that_blocks_keeps_only_itself),
		TEST(two_services_share_a_connection),
		TEST(a_lost_disposition_is_asked_for_again),
		TEST(obsolete_settles_it_too),
		TEST(not_owner_is_no_disposition),
		TEST(the_hold_is_bounded),
		TEST(one_stuck_shard_does_not_stop_the_service),
		TEST(answers_that_wait_do_not_keep_other_shards_waiting),
		TEST(a_redelivered_frame_is_worked_one_by_one),
		TEST(the_next_waits_for_a_disposition),
		TEST(what_is_in_hand_is_not_run_beside_itself),
		TEST(work_in_progress_is_not_redelivered),
		TEST(heartbeats_say_working),
		TEST(the_disposition_of_a_heartbeat_settles_nothing),
		TEST(frames_that_cannot_be_read_are_terminated),
		TEST(an_unknown_operation_is_parked),
		TEST(without_a_handler_settling_is_parked),
		TEST(one_handler_settles_all_operations),
		TEST(odd_answers_are_made_presentable),
		TEST(a_doubled_answer_is_sent_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
