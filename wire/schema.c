#include "wire/schema.h"

#include "wire/codec.h"

static const struct wire_table *const tables[] = {
	[WIRE_SUBMIT] = &wire_table_submit,
	[WIRE_QUERY] = &wire_table_query,
	[WIRE_CANCEL] = &wire_table_cancel,
	[WIRE_ANSWER] = &wire_table_answer,
	[WIRE_COMMAND_FRAME] = &wire_table_command_frame,
	[WIRE_REPLY_FRAME] = &wire_table_reply_frame,
	[WIRE_DISPOSITION_FRAME] = &wire_table_disposition_frame,
	[WIRE_INFO_REQUEST] = &wire_table_info_request,
	[WIRE_INFO] = &wire_table_info,
	[WIRE_LIST_REQUEST] = &wire_table_list_request,
	[WIRE_LIST] = &wire_table_list,
	[WIRE_HISTORY_REQUEST] = &wire_table_history_request,
	[WIRE_HISTORY] = &wire_table_history,
	[WIRE_INIT_REQUEST] = &wire_table_init_request,
	[WIRE_INIT] = &wire_table_init,
	[WIRE_ALERT] = &wire_table_alert,
	[WIRE_ENLIST] = &wire_table_enlist,
	[WIRE_COMMIT] = &wire_table_commit,
	[WIRE_INQUIRE] = &wire_table_inquire,
	[WIRE_ADMIN_REQUEST] = &wire_table_admin_request,
	[WIRE_ADMIN_ANSWER] = &wire_table_admin_answer,
	[WIRE_OPERATION] = &wire_table_operation,
	[WIRE_OPS_HISTORY] = &wire_table_ops_history,
	[WIRE_RECORD_GENESIS] = &wire_table_genesis,
	[WIRE_RECORD_EPOCH] = &wire_table_epoch,
	[WIRE_RECORD_NOOP] = &wire_table_noop,
	[WIRE_RECORD_ACCEPTED] = &wire_table_accepted,
	[WIRE_RECORD_BRANCH] = &wire_table_branch,
	[WIRE_RECORD_DECISION] = &wire_table_decision,
	[WIRE_RECORD_PARKED] = &wire_table_parked,
	[WIRE_RECORD_FINISHED] = &wire_table_finished,
	[WIRE_RECORD_TOMBSTONE] = &wire_table_tombstone,
	[WIRE_RECORD_INBOX] = &wire_table_inbox,
	[WIRE_RECORD_ENLISTED] = &wire_table_enlisted,
	[WIRE_RECORD_CLOSED] = &wire_table_closed,
	[WIRE_RECORD_CARRIED] = &wire_table_carried,
	[WIRE_RECORD_REMEMBERED] = &wire_table_remembered,
	[WIRE_RECORD_SEGMENT] = &wire_table_segment,
	[WIRE_RECORD_HISTORY_MARK] = &wire_table_history_mark,
};

const struct wire_table *wire_table_of(enum wire_kind kind)
{
	const uint32_t index = (uint32_t)kind;

	if (index >= sizeof tables / sizeof tables[0])
		return NULL;
	return tables[index];
}

size_t wire_struct_size(enum wire_kind kind)
{
	const struct wire_table *table = wire_table_of(kind);
	return table == NULL ? 0 : table->size;
}

const char *wire_kind_name(enum wire_kind kind)
{
	const struct wire_table *table = wire_table_of(kind);
	return table == NULL ? NULL : table->name;
}
