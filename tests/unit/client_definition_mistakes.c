/* Every mistake in a definition, with its line, its column, its code and a JSON pointer. */
#include "tests/unit/unit.h"

#include <saga.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/definition.h"
#include "client/definition_problems.h"

#define STEP "steps:\n  - {name: a, service: s, action: do, compensate: none"

static const struct {
	const char *text, *why;
} mistakes[] = {
	/* the whole */
	{"", "t:1:1: the definition is empty [empty]"},
	{"- a\n", "t:1:1: the definition: expected a map of keys [type]"},
	{STEP "}\n", "t:1:1: the definition has no name [missing_key /name]"},
	{"name: n\n", "t:1:1: the definition has no steps [missing_key /steps]"},
	{"nmae: n\n" STEP "}\n", "t:1:1: unknown key \"nmae\" in the definition: did you mean "
				 "\"name\"? [unknown_key /nmae]\n"
				 "t:1:1: the definition has no name [missing_key /name]"},
	{"name: n\n"
	 "name: m\n" STEP "}\n",
	 "t:2:1: key \"name\" stands in the definition twice [duplicate_key /name]"},
	{"name: n\n"
	 "? [x]\n"
	 ": 1\n" STEP "}\n",
	 "t:2:3: the definition: expected a word as key [type /?]"},
	{"name: a.b\n" STEP "}\n",
	 "t:1:7: name: \"a.b\" does not match [A-Za-z0-9_-]{1,64} [name /name]"},
	{"name:\n" STEP "}\n", "t:1:6: name: expected a single value [type /name]"},
	{"name: [n]\n" STEP "}\n", "t:1:7: name: expected a single value [type /name]"},
	{"name: n\n"
	 "version: 0\n" STEP "}\n",
	 "t:2:10: version: 0 is out of range: 1 to 1000000000 [range /version]"},
	{"name: n\n"
	 "version: 1.5\n" STEP "}\n",
	 "t:2:10: version: \"1.5\" is not a whole number [number /version]"},
	{"name: n\n"
	 "version: -1\n" STEP "}\n",
	 "t:2:10: version: \"-1\" is not a whole number [number /version]"},
	{"name: n\n"
	 "protocol: xa\n" STEP "}\n",
	 "t:2:11: protocol: \"xa\" is neither saga, tcc, 2pc nor mixed [choice /protocol]"},
	{"name: n\n"
	 "protocol: []\n" STEP "}\n",
	 "t:2:11: protocol: expected a single value [type /protocol]"},
	{"name: n\n"
	 "deadline: 60\n" STEP "}\n",
	 "t:2:11: deadline: \"60\" is not a duration such as 500ms, 15s, 2m or 1h [duration "
	 "/deadline]"},
	{"name: n\n"
	 "deadline: 9ms\n" STEP "}\n",
	 "t:2:11: deadline: 9ms is out of range: 10ms to 30d [range /deadline]"},
	{"name: n\n"
	 "deadline: 31d\n" STEP "}\n",
	 "t:2:11: deadline: 31d is out of range: 10ms to 30d [range /deadline]"},
	{"name: n\n"
	 "deadline: \"1s\\0\"\n" STEP "}\n",
	 "t:2:11: deadline: \"1s\" is not a duration such as 500ms, 15s, 2m or 1h [duration "
	 "/deadline]"},
	{"name: n\n"
	 "a~b/c: 1\n" STEP "}\n",
	 "t:2:1: unknown key \"a~b/c\" in the definition [unknown_key /a~0b~1c]"},
	/* defaults and policies */
	{"name: n\n"
	 "defaults: 3\n" STEP "}\n",
	 "t:2:11: defaults: expected a map of keys [type /defaults]"},
	{"name: n\n"
	 "defaults: {timeot: 1s}\n" STEP "}\n",
	 "t:2:12: unknown key \"timeot\" in defaults: did you mean \"timeout\"? [unknown_key "
	 "/defaults/timeot]"},
	{"name: n\n"
	 "defaults: {retry: {attempts: 0}}\n" STEP "}\n",
	 "t:2:30: attempts: 0 is out of range: 1 to 1000 [range /defaults/retry/attempts]"},
	{"name: n\n"
	 "defaults: {retry: {attempts: 1001}}\n" STEP "}\n",
	 "t:2:30: attempts: 1001 is out of range: 1 to 1000 [range /defaults/retry/attempts]"},
	{"name: n\n" STEP ", retry: {factor: 0.5}}\n",
	 "t:3:73: factor: 0.5 is out of range: 1 to 100 [range /steps/0/retry/factor]"},
	{"name: n\n" STEP ", retry: {factor: 1.234}}\n",
	 "t:3:73: factor: \"1.234\" is not a number with at most two decimals [number "
	 "/steps/0/retry/factor]"},
	{"name: n\n" STEP ", retry: {factor: 1.}}\n",
	 "t:3:73: factor: \"1.\" is not a number with at most two decimals [number "
	 "/steps/0/retry/factor]"},
	{"name: n\n" STEP ", retry: {jitter: 1.01}}\n",
	 "t:3:73: jitter: 1.01 is out of range: 0 to 1 [range /steps/0/retry/jitter]"},
	{"name: n\n" STEP ", retry: {initial: 2h}}\n",
	 "t:3:74: initial: 2h is out of range: 1ms to 1h [range /steps/0/retry/initial]"},
	{"name: n\n" STEP ", retry: {initial: 0}}\n",
	 "t:3:74: initial: 0 is out of range: 1ms to 1h [range /steps/0/retry/initial]"},
	{"name: n\n" STEP ", retry: {initial: 1s, cap: 500ms}}\n",
	 "t:3:83: cap: 500ms is shorter than initial (1000ms) [range /steps/0/retry/cap]"},
	{"name: n\n" STEP ", retry: {cap: 2d}}\n",
	 "t:3:70: cap: 2d is out of range: 1ms to 1d [range /steps/0/retry/cap]"},
	{"name: n\n" STEP ", retry: 3}\n",
	 "t:3:64: retry: expected a map of keys [type /steps/0/retry]"},
	{"name: n\n" STEP ", undo_retry: {tries: 3}}\n",
	 "t:3:70: unknown key \"tries\" in undo_retry [unknown_key /steps/0/undo_retry/tries]"},
	/* steps */
	{"name: n\n"
	 "steps: 3\n",
	 "t:2:8: steps: expected a list [type /steps]"},
	{"name: n\n"
	 "steps: []\n",
	 "t:2:8: steps: 0 steps: 1 to 64 are possible [steps /steps]"},
	{"name: n\n"
	 "steps: [a]\n",
	 "t:2:9: step 1: expected a map of keys [type /steps/0]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {}\n",
	 "t:3:5: step 1 has no name [missing_key /steps/0/name]\n"
	 "t:3:5: step 1 has no service [missing_key /steps/0/service]\n"
	 "t:3:5: step 1 has no action [missing_key /steps/0/action]\n"
	 "t:3:5: step 1 has no compensate: an operation, or none where there is nothing to undo "
	 "[missing_key /steps/0/compensate]"},
	{"name: n\n" STEP ", compensat: u}\n",
	 "t:3:57: unknown key \"compensat\" in step 1: did you mean \"compensate\"? [unknown_key "
	 "/steps/0/compensat]"},
	{"name: n\n" STEP ", timeout: 2d}\n",
	 "t:3:66: timeout: 2d is out of range: 10ms to 1d [range /steps/0/timeout]"},
	{"name: n\n" STEP ", budget: 5ms}\n",
	 "t:3:65: budget: 5ms is out of range: 10ms to 30d [range /steps/0/budget]"},
	{"name: n\n" STEP ", delivery: pigeon}\n",
	 "t:3:67: delivery: \"pigeon\" is neither durable nor direct [choice /steps/0/delivery]"},
	{"name: n\n" STEP "}\n"
	 "  - {name: a, service: s, action: do, compensate: none}\n",
	 "t:4:12: name: step \"a\" stands already in line 3 [duplicate_step /steps/1/name]"},
	{"name: n\n" STEP "}\n"
	 "  - {name: b, service: s, action: do, compensate: none, delivery: direct}\n",
	 "t:4:67: delivery: step \"a\" reaches service \"s\" by durable delivery: a service has "
	 "one in a definition [delivery /steps/1/delivery]"},
	{"name: n\n"
	 "defaults: {delivery: direct}\n" STEP ", delivery: durable}\n"
	 "  - {name: b, service: s, action: do, compensate: none}\n",
	 "t:5:5: delivery: step \"a\" reaches service \"s\" by durable delivery: a service has one "
	 "in a definition [delivery /steps/1/delivery]"},
	/* operations of a saga */
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do}\n",
	 "t:3:5: step 1 has no compensate: an operation, or none where there is nothing to undo "
	 "[missing_key /steps/0/compensate]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: }\n",
	 "t:3:51: compensate: expected an operation, or none where there is nothing to undo [type "
	 "/steps/0/compensate]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: a b}\n",
	 "t:3:51: compensate: \"a b\" does not match [A-Za-z0-9_-]{1,64} [name "
	 "/steps/0/compensate]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, compensate: undo}\n",
	 "t:3:5: step 1 has no action [missing_key /steps/0/action]"},
	{"name: n\n" STEP ", confirm: c}\n",
	 "t:3:57: \"confirm\" does not belong in a step of a saga, which has action and compensate "
	 "[kind /steps/0/confirm]"},
	{"name: n\n" STEP ", prepare: p, try: t}\n",
	 "t:3:57: \"prepare\" does not belong in a step of a saga, which has action and compensate "
	 "[kind /steps/0/prepare]\n"
	 "t:3:69: \"try\" does not belong in a step of a saga, which has action and compensate "
	 "[kind /steps/0/try]"},
	{"name: n\n" STEP ", kind: saga}\n",
	 "t:3:63: kind: only steps of a mixed definition say their kind [kind /steps/0/kind]"},
	{"name: n\n" STEP ", last_resource: true}\n",
	 "t:3:57: \"last_resource\" does not belong in a step of a saga, which has action and "
	 "compensate [kind /steps/0/last_resource]"},
	{"name: n\n" STEP ", optional: yes}\n",
	 "t:3:67: optional: \"yes\" is neither true nor false [choice /steps/0/optional]"},
	{"name: n\n" STEP ", optional: \"true\"}\n",
	 "t:3:67: optional: \"true\" is neither true nor false [choice /steps/0/optional]"},
	{"name: n\n" STEP ", optional: []}\n",
	 "t:3:67: optional: expected true or false [type /steps/0/optional]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, optional: true}\n",
	 "t:3:5: step 1 has no compensate: an operation, or none where there is nothing to undo "
	 "[missing_key /steps/0/compensate]"},
	/* of TCC, 2PC and mixed ones */
	{"name: n\n"
	 "protocol: tcc\n"
	 "steps:\n"
	 "  - {name: a, service: s, try: t, confirm: c, cancel: x, action: do}\n",
	 "t:4:58: \"action\" does not belong in a step of TCC, which has try, confirm and cancel "
	 "[kind /steps/0/action]"},
	{"name: n\n"
	 "protocol: tcc\n"
	 "steps:\n"
	 "  - {name: a, service: s, try: t}\n",
	 "t:4:5: step 1 has no confirm [missing_key /steps/0/confirm]\n"
	 "t:4:5: step 1 has no cancel [missing_key /steps/0/cancel]"},
	{"name: n\n"
	 "protocol: tcc\n"
	 "steps:\n"
	 "  - {name: a, service: s, try: t, confirm: c, cancel: x, pivot: true}\n",
	 "t:4:58: \"pivot\" does not belong in a step of TCC, which has try, confirm and cancel "
	 "[kind /steps/0/pivot]"},
	{"name: n\n"
	 "protocol: tcc\n"
	 "steps:\n"
	 "  - {name: a, service: s, try: t, confirm: c, cancel: x, optional: true}\n",
	 "t:4:58: \"optional\" does not belong in a step of TCC, which has try, confirm and cancel "
	 "[kind /steps/0/optional]"},
	{"name: n\n"
	 "protocol: tcc\n"
	 "steps:\n"
	 "  - {name: a, service: s, try: t, confirm: none, cancel: x}\n",
	 "t:4:44: confirm: none is no operation: only compensate may be none [name "
	 "/steps/0/confirm]"},
	{"name: n\n"
	 "protocol: 2pc\n"
	 "steps:\n"
	 "  - {name: a, service: s, prepare: p, commit: c, rollback: r, compensate: u}\n",
	 "t:4:63: \"compensate\" does not belong in a step of 2PC, which has prepare, commit and "
	 "rollback [kind /steps/0/compensate]"},
	{"name: n\n"
	 "protocol: 2pc\n"
	 "steps:\n"
	 "  - {name: a, service: s, commit: c}\n",
	 "t:4:5: step 1 has no prepare [missing_key /steps/0/prepare]\n"
	 "t:4:5: step 1 has no rollback [missing_key /steps/0/rollback]"},
	{"name: n\n"
	 "protocol: 2pc\n"
	 "steps:\n"
	 "  - {name: a, service: s, prepare: p, commit: c, rollback: r, retriable: true}\n",
	 "t:4:63: \"retriable\" does not belong in a step of 2PC, which has prepare, commit and "
	 "rollback [kind /steps/0/retriable]"},
	{"name: n\n"
	 "protocol: 2pc\n"
	 "steps:\n"
	 "  - {name: a, service: s, prepare: p, commit: c, rollback: r, last_resource: true}\n",
	 "t:4:27: \"prepare\" does not belong in the last resource, which has commit alone: it "
	 "does not vote [kind /steps/0/prepare]\n"
	 "t:4:50: \"rollback\" does not belong in the last resource, which has commit alone: it "
	 "does not vote [kind /steps/0/rollback]"},
	{"name: n\n"
	 "protocol: 2pc\n"
	 "steps:\n"
	 "  - {name: a, service: s, prepare: p, commit: c, rollback: r, one_phase: a b}\n",
	 "t:4:74: one_phase: \"a b\" does not match [A-Za-z0-9_-]{1,64} [name /steps/0/one_phase]"},
	{"name: n\n"
	 "protocol: 2pc\n"
	 "steps:\n"
	 "  - {name: a, service: s, prepare: p, commit: c, rollback: r, pivot: true}\n",
	 "t:4:63: \"pivot\" does not belong in a step of 2PC, which has prepare, commit and "
	 "rollback [kind /steps/0/pivot]"},
	{"name: n\n"
	 "protocol: 2pc\n"
	 "steps:\n"
	 "  - {name: a, service: s, last_resource: true}\n",
	 "t:4:5: step 1 has no commit [missing_key /steps/0/commit]"},
	{"name: n\n"
	 "protocol: mixed\n" STEP "}\n",
	 "t:4:5: step 1 has no kind: in a mixed definition it is saga, tcc or 2pc [missing_key "
	 "/steps/0/kind]"},
	{"name: n\n"
	 "protocol: mixed\n"
	 "steps:\n"
	 "  - {name: a, service: s, kind: xa, action: do}\n",
	 "t:4:33: kind: \"xa\" is neither saga, tcc nor 2pc [choice /steps/0/kind]"},
	{"name: n\n"
	 "protocol: mixed\n"
	 "steps:\n"
	 "  - {name: a, service: s, kind: [], action: do}\n",
	 "t:4:33: kind: expected a single value [type /steps/0/kind]"},
	{"name: n\n"
	 "protocol: mixed\n"
	 "steps:\n"
	 "  - {name: a, service: s, kind: mixed, action: do}\n",
	 "t:4:33: kind: \"mixed\" is neither saga, tcc nor 2pc [choice /steps/0/kind]"},
	{"name: n\n"
	 "protocol: mixed\n"
	 "steps:\n"
	 "  - {name: a, service: s, kind: tcc, action: do}\n",
	 "t:4:5: step 1 has no try [missing_key /steps/0/try]\n"
	 "t:4:5: step 1 has no confirm [missing_key /steps/0/confirm]\n"
	 "t:4:5: step 1 has no cancel [missing_key /steps/0/cancel]\n"
	 "t:4:38: \"action\" does not belong in a step of TCC, which has try, confirm and cancel "
	 "[kind /steps/0/action]"},
	{"name: n\n"
	 "protocol: mixed\n"
	 "steps:\n"
	 "  - {name: a, service: s, kind: 2pc, commit: c, last_resource: true, prepare: p}\n",
	 "t:4:70: \"prepare\" does not belong in the last resource, which has commit alone: it "
	 "does not vote [kind /steps/0/prepare]"},
	/* the point of no return */
	{"name: n\n"
	 "steps:\n"
	 "  - {name: p, service: s, action: do, pivot: true, compensate: undo}\n",
	 "t:3:64: compensate: nothing undoes a pivot [kind /steps/0/compensate]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: p, service: s, action: do, pivot: true, retriable: true}\n",
	 "t:3:52: retriable: a step that is pivot cannot be retriable, too [kind "
	 "/steps/0/retriable]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: p, service: s, action: do, pivot: true, optional: true, retriable: true}\n",
	 "t:3:52: optional: a step that is pivot cannot be optional, too [kind /steps/0/optional]\n"
	 "t:3:68: retriable: a step that is pivot cannot be retriable, too [kind "
	 "/steps/0/retriable]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: p, service: s, action: do, pivot: true}\n"
	 "  - {name: q, service: s, action: do, pivot: true}\n",
	 "t:4:46: step \"q\": another step is the point of no return: there is one at most [pivot "
	 "/steps/1/pivot]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, retriable: true}\n",
	 "t:3:50: step \"a\": it is retriable, and the plan has no pivot before it [pivot "
	 "/steps/0/retriable]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, retriable: true}\n"
	 "  - {name: p, service: s, action: do, pivot: true}\n",
	 "t:3:50: step \"a\": it is retriable, so it comes behind the pivot, which waits for it "
	 "[pivot /steps/0/retriable]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: p, service: s, action: do, pivot: true}\n"
	 "  - {name: r, service: s, action: do, retriable: true, compensate: undo}\n",
	 "t:4:68: compensate: nothing undoes a retriable step [kind /steps/1/compensate]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: p, service: s, action: do, pivot: true}\n"
	 "  - {name: r, service: s, action: do, retriable: yes}\n",
	 "t:4:50: retriable: \"yes\" is neither true nor false [choice /steps/1/retriable]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: p, service: s, action: do, pivot: true}\n"
	 "  - {name: r, service: s, action: do, compensate: undo, retriable: yes}\n",
	 "t:4:68: retriable: \"yes\" is neither true nor false [choice /steps/1/retriable]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: p, service: s, action: do, pivot: true}\n"
	 "  - {name: b, service: s, action: do, compensate: none, after: [p, zzz]}\n",
	 "t:4:64: step \"b\": it waits for the point of no return, so it must be retriable or "
	 "optional [order /steps/1/after]\n"
	 "t:4:68: after: no step \"zzz\" [unknown_step /steps/1/after/1]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: p, service: s, action: do, pivot: true}\n"
	 "  - {name: b, service: s, action: do, compensate: none}\n"
	 "  - {name: c, service: s, action: do, compensate: none, after: [p]}\n",
	 "t:4:5: step \"b\": it waits for the point of no return, so it must be retriable or "
	 "optional [order /steps/1/after]\n"
	 "t:5:64: step \"c\": it waits for the point of no return, so it must be retriable or "
	 "optional [order /steps/2/after]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: p, service: s, action: do, pivot: true}\n"
	 "  - {name: r, service: s, action: do, retriable: true, after: []}\n"
	 "  - {name: b, service: s, action: do, compensate: none}\n",
	 "t:5:5: step \"b\": it waits for the point of no return, so it must be retriable or "
	 "optional [order /steps/2/after]"},
	{"name: n\n"
	 "protocol: mixed\n"
	 "steps:\n"
	 "  - {name: l, service: s, kind: 2pc, commit: c, last_resource: true}\n"
	 "  - {name: p, service: s, kind: saga, action: do, pivot: true}\n"
	 "  - {name: v, service: s, kind: 2pc, prepare: p, commit: c, rollback: r, after: [l]}\n",
	 "t:5:58: step \"p\": another step is the point of no return: there is one at most [pivot "
	 "/steps/1/pivot]\n"
	 "t:6:81: step \"v\": it waits for the point of no return, so it must be retriable or "
	 "optional [order /steps/2/after]"},
	/* order */
	{"name: n\n" STEP ", after: [a]}\n",
	 "t:3:65: after: step \"a\" cannot come after itself [order /steps/0/after/0]"},
	{"name: n\n" STEP ", after: b}\n",
	 "t:3:64: after: expected a list of steps, e.g. [a] [type /steps/0/after]"},
	{"name: n\n" STEP ", after: [[b]]}\n",
	 "t:3:65: after: expected a single value [type /steps/0/after/0]"},
	{"name: n\n" STEP "}\n"
	 "  - {name: flight, service: s, action: do, compensate: none, after: [flihgt]}\n",
	 "t:4:70: after: no step \"flihgt\": did you mean \"flight\"? [unknown_step "
	 "/steps/1/after/0]"},
	{"name: n\n" STEP "}\n"
	 "  - {name: b, service: s, action: do, compensate: none, after: [zzz]}\n",
	 "t:4:65: after: no step \"zzz\" [unknown_step /steps/1/after/0]"},
	{"name: n\n" STEP "}\n"
	 "  - {name: b, service: s, action: do, compensate: none, after: [a, a]}\n",
	 "t:4:68: after: step \"a\" stands here twice [order /steps/1/after/1]"},
	{"name: n\n" STEP ", after: [b]}\n"
	 "  - {name: b, service: s, action: do, compensate: none, after: [a]}\n",
	 "t:3:64: step \"a\": it is part of, or waits for, a cycle [order /steps/0/after]"},
	{"name: n\n" STEP ", after: [b]}\n"
	 "  - {name: b, service: s, action: do, compensate: none}\n",
	 "t:3:64: step \"a\": it is part of, or waits for, a cycle [order /steps/0/after]"},
	/* inputs */
	{"name: n\n" STEP ", input: $.inpt}\n",
	 "t:3:64: input: has a text that begins with $ and is no pick: picks are $.input... and "
	 "$.steps.<name>.output...; $$ stands for $ [input /steps/0/input]"},
	{"name: n\n" STEP ", input: {x: $.steps.zzz.output}}\n",
	 "t:3:68: input: picks from a step there is not [input /steps/0/input/x]"},
	{"name: n\n" STEP ", input: {x: [1, $.steps.a.output]}}\n",
	 "t:3:72: input: picks from a step it does not wait for [input /steps/0/input/x/1]"},
	{"name: n\n" STEP ", input: {x: $.steps.b.output}}\n"
	 "  - {name: b, service: s, action: do, compensate: none}\n",
	 "t:3:68: input: picks from step \"b\", which it does not wait for [input "
	 "/steps/0/input/x]"},
	{"name: n\n" STEP ", input: {x: $.input.a..b, y: \"$5\"}}\n",
	 "t:3:68: input: picks by a path that is not names and numbers with dots between [input "
	 "/steps/0/input/x]\n"
	 "t:3:85: input: has a text that begins with $ and is no pick: picks are $.input... and "
	 "$.steps.<name>.output...; $$ stands for $ [input /steps/0/input/y]"},
	{"name: n\n" STEP ", input: {x: 1, x: 2}}\n",
	 "t:3:71: input: key \"x\" stands here twice [duplicate_key /steps/0/input/x]"},
	{"name: n\n" STEP ", input: {[x]: 1}}\n",
	 "t:3:65: input: expected a word as key [input /steps/0/input/?]"},
	{"name: n\n" STEP ", input: {a: [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}}\n",
	 "t:3:83: input: nested deeper than 16 [input "
	 "/steps/0/input/a/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0]"},
	{"name: n\n" STEP ", input: $.input.1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17}\n",
	 "t:3:64: input: picks by a path of more than 16 names [input /steps/0/input]"},
	/* YAML itself */
	{"name: [n\n", "t:2:1: did not find expected ',' or ']' [syntax]"},
	{"name: n\n"
	 "\tx: 1\n",
	 "t:2:1: found a tab character that violates indentation [syntax]"},
	{"name: n\n" STEP "}\n"
	 "---\n"
	 "name: m\n",
	 "t:4:1: a second document: one definition a file [second_document]"},
	{"name: n\n"
	 "defaults: {retry: &r {attempts: 3}, undo_retry: *r}\n" STEP "}\n",
	 "t:2:19: anchors and aliases are not supported [alias /defaults/retry]"},
	{"name: n\n" STEP ", input: &i [*i, *i]}\n",
	 "t:3:64: anchors and aliases are not supported [alias /steps/0/input]"},
	{"name: n\n"
	 "version: !!int 3\n" STEP "}\n",
	 "t:2:10: tags are not supported [tag /version]"},
	{"name: n\n" STEP ", input: !x {a: 1}}\n",
	 "t:3:64: tags are not supported [tag /steps/0/input]"},
	{"name: \xff\n", "t: byte 6: invalid leading UTF-8 octet [syntax]"},
	/* all at once, in the order of the lines */
	{"name: n\n"
	 "version: x\n"
	 "deadline: y\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, after: [zzz], tmeout: 1s, input: {x: $.z, y: "
	 "$.steps.b.output.id}}\n"
	 "  - {name: b, service: s, action: do, pivot: true}\n"
	 "  - {name: c, service: s, action: do, pivot: true}\n",
	 "t:2:10: version: \"x\" is not a whole number [number /version]\n"
	 "t:3:11: deadline: \"y\" is not a duration such as 500ms, 15s, 2m or 1h [duration "
	 "/deadline]\n"
	 "t:5:5: step 1 has no compensate: an operation, or none where there is nothing to undo "
	 "[missing_key /steps/0/compensate]\n"
	 "t:5:47: after: no step \"zzz\" [unknown_step /steps/0/after/0]\n"
	 "t:5:53: unknown key \"tmeout\" in step 1: did you mean \"timeout\"? [unknown_key "
	 "/steps/0/tmeout]\n"
	 "t:5:76: input: has a text that begins with $ and is no pick: picks are $.input... and "
	 "$.steps.<name>.output...; $$ stands for $ [input /steps/0/input/x]\n"
	 "t:7:46: step \"c\": another step is the point of no return: there is one at most [pivot "
	 "/steps/2/pivot]"},
};

static void every_mistake_has_its_place(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		struct saga_definition *definition = NULL;
		char why[2048];
		const int err = saga_definition_parse(mistakes[i].text, strlen(mistakes[i].text),
						      "t", &definition, why, sizeof why);

		if (err != SAGA_ERR_DEFINITION || definition != NULL ||
		    strcmp(why, mistakes[i].why) != 0) {
			good = false;
			print_error("%s\ngave %d and:\n%s\ninstead of:\n%s\n", mistakes[i].text,
				    err, why, mistakes[i].why);
		}
	}
	assert_true(good);
}

/* Those that no text can bring about, and those of warnings. */
static bool has_no_text(enum problem_code code)
{
	return code == PROBLEM_PLAN || code == PROBLEM_MEMORY || problem_is_warning(code);
}

static void every_code_has_a_mistake(void **state)
{
	(void)state;
	for (uint32_t code = 0; code < PROBLEM_CODES; code++) {
		char mark[64];
		bool found = has_no_text(code);

		for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0] && !found; i++) {
			(void)snprintf(mark, sizeof mark, " [%s", problem_code_name(code));
			const char *at = strstr(mistakes[i].why, mark);

			found = at != NULL && (at[strlen(mark)] == ' ' || at[strlen(mark)] == ']');
		}
		if (!found)
			fail_msg("no mistake gives the code %s", problem_code_name(code));
	}
}

/* The list ends, the count does not. */
static void many_mistakes(void **state)
{
	struct problems *problems = calloc(1, sizeof *problems);
	struct saga_definition *definition;
	char text[4096];
	size_t size = (size_t)snprintf(text, sizeof text, "name: n\nsteps:\n");

	(void)state;
	assert_non_null(problems);
	for (int i = 0; i < 50; i++)
		size += (size_t)snprintf(text + size, sizeof text - size,
					 "  - {name: s%d, service: s}\n", i);
	assert_int_equal(definition_read(text, size, &definition, NULL, problems),
			 SAGA_ERR_DEFINITION);
	assert_null(definition);
	assert_int_equal(problems->errors, 100);
	assert_int_equal(problems->count, 100);
	assert_int_equal(problems_kept(problems), PROBLEMS_MAX);
	free(problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_has_its_place),
		cmocka_unit_test(every_code_has_a_mistake),
		cmocka_unit_test(many_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
