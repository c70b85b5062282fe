/* What is tried. Each script asks for something that the product rests on. */
#include "tests/honesty/honesty.h"

const struct script scripts[] = {
	/* ---- the journal ---- */
	{"fence", OF_JOURNAL, 0, false,
	 "p append a 1; p append b 2; q append c 2; q append d 3; q append e 9; p append f 0;"
	 "q read 1 -"},
	{"unfenced", OF_JOURNAL, 0, false,
	 "p append a *; q append b *; p append c 3; q append d 3; p read 2 -"},
	{"read", OF_JOURNAL, 0, false,
	 "p read 5 -; p read 2 2; p append a 1; p read 2 2; p append b 2; p append c 3; p read 3 3;"
	 "p read 2 -; q read 1 9"},
	{"busy", OF_JOURNAL, 0, false, "p append a 1 &; p append b 1; p read 2 -"},
	{"two writers", OF_JOURNAL, 12, false,
	 "p append a 1 &; q append b 1; p append c 2 &; q append d 2; p read 1 -"},
	{"two writers settle", OF_JOURNAL, 6, false,
	 "p append a 1 &; q append b 1; p append a 1 &; q append b 1; p read 2 2"},
	{"read beside append", OF_JOURNAL, 8, false,
	 "p append a 1; p append b 2 &; q read 1 -; q read 3 3"},
	{"server stopped", OF_JOURNAL, 3, false,
	 "p append a 1; stop; p append b 2; go; p append b 2; p read 2 -"},
	{"server stopped, another comes first", OF_JOURNAL, 3, false,
	 "p append a 1; stop; p append b 2 &; q append c 2; go; q append c 2; p append b 2;"
	 "q read 2 -"},
	{"server killed", OF_JOURNAL, 3, false,
	 "p append a 1; p append b 2 &; kill; wait; start; p up; q up; p append b 2; q read 2 -"},
	{"server away", OF_JOURNAL, 0, false,
	 "kill; p down; q down; p append a 1; q read 1 -; start; p up; q up; p append a 1;"
	 "q read 1 -"},
	{"answer lost", OF_JOURNAL, 3, false,
	 "p mute; p append a 1; p pass; p up; q append b 1; p append a 1; q read 2 -"},
	{"answer lost, unfenced", OF_JOURNAL, 2, false,
	 "p mute; p append a *; p pass; p up; p append a *; q read 2 -"},
	{"held", OF_JOURNAL, 4, false, "p hold; p append a 1; p pass; p append a 1; q read 2 -"},
	{"held, another comes first", OF_JOURNAL, 3, false,
	 "p hold; p append a 1; q append b 1; p pass; p append a 1; q append c 2; q read 2 -"},
	{"held, looked for", OF_JOURNAL, 4, false,
	 "p hold; p append a 1; q read 2 2; p pass; q read 2 2; sleep 50; q read 2 2"},
	{"broken", OF_JOURNAL, 4, false,
	 "p append a 1 &; p cut; wait; p up; q append b 1; q read 2 -"},
	{"leader steps down", OF_JOURNAL_CLUSTER, 2, false,
	 "p append a 1; stepdown; p append b 2; sleep 700; p append b 2; q append c 3; p read 2 -"},
	{"leader killed", OF_JOURNAL_CLUSTER, 1, false,
	 "p append a 1; p append b 2 &; kill; wait; q up; p up; q append c 2; p append b 2;"
	 "sleep 9000; q append c 2; p append b 2; q read 2 -; start"},
	/* ---- what no model of ours survives: it halts ---- */
	{"purged", OF_JOURNAL, 0, true,
	 "p append a 1; p append b 2; damage purge; p read 1 -; p read 4 -; p append c 3; q read 4 "
	 "-"},
	{"rolled up", OF_JOURNAL, 0, true,
	 "p append a 1; p append b 2; damage roll; p read 1 -; p read 4 -; p append c 4"},
	{"made again", OF_JOURNAL, 0, true,
	 "p append a 1; p append b 2; damage remake; p read 1 -; p read 4 -; p append c 3;"
	 "q append d 0; q read 1 -"},
	/* ---- the store ---- */
	{"create", OF_STORE, 0, false,
	 "p create k v; q create k w; q create j w; p range; p remove k; p create k x; q range"},
	{"swap", OF_STORE, 0, false,
	 "p create k v; q range; p swap k x; q swap k y; q range; q swap k y; q remove k; p range"},
	{"two create", OF_STORE, 8, false, "p create k v &; q create k w; p range"},
	{"lease", OF_STORE, 0, false,
	 "p grant 30 A; p create k v A; q renew A; q revoke A; p range; p renew A; p create j v A;"
	 "p revoke A"},
	{"expiry", OF_STORE, 0, false,
	 "p grant 2 A; p create k v A; sleep 1000; p renew A; sleep 1300; p range; sleep 3000;"
	 "p range; p renew A"},
	{"expiry, key of another lease", OF_STORE, 0, false,
	 "p grant 2 A; q grant 30 B; p create k v A; q create j v B; q range; p swap k w; sleep "
	 "4000;"
	 "q range"},
	{"server stopped", OF_STORE, 3, false,
	 "stop; p create k v; go; q range; p create k v; p range"},
	{"server stopped beyond a lease", OF_STORE, 0, false,
	 "p grant 2 A; p create k v A; stop; sleep 3500; go; p renew A; q range; sleep 1200; q "
	 "range"},
	{"server killed", OF_STORE, 2, false,
	 "p create j v; p create k v &; kill; wait; start; q range; p create k v"},
	{"server killed, lease", OF_STORE, 0, false,
	 "p grant 2 A; p create k v A; kill; p renew A; q range; start; q range; sleep 4500; q "
	 "range"},
	{"server away", OF_STORE, 0, false,
	 "p create j v; kill; p create k v; q grant 2 A; q range; start; q range"},
	{"answer lost", OF_STORE, 3, false,
	 "p range; p mute; p create k v; p pass; q range; p create k v; p range"},
	{"answer lost, sent again", OF_STORE, 4, false,
	 "p create j v; p create k v &; p cut; wait; q range"},
	{"grant lost", OF_STORE, 0, false,
	 "p range; p mute; p grant 2 A; p pass; p grant 2 B; p renew B"},
	{"held", OF_STORE, 3, false,
	 "p range; p hold; p create k v; q create k w; p pass; q range; sleep 50; q range"},
	{"renewal held", OF_STORE, 0, false,
	 "p grant 2 A; p create k v A; p hold; p renew A; sleep 3500; q range; p pass; p renew A"},
	{"watch", OF_STORE, 0, false,
	 "p watch; p hint 1000; q create k v; p hint 1000; q swap k w; p hint 1000; q remove k;"
	 "p hint 1000"},
	{"watch, lease over", OF_STORE, 0, false,
	 "q grant 2 A; q create k v A; p watch; p hint 1000; p hint 5000; p range"},
	{"watch, server killed", OF_STORE, 0, false,
	 "p watch; p hint 1000; kill; p hint 1000; start; q create k v; p hint 2000; p range"},
	/* ---- the inbox ---- */
	{"inbox", OF_INBOX, 0, false,
	 "p look; p seek 1; q leave a; p look; p seek 1; q leave b; p seek 2; p seek 3; p purge 1;"
	 "sleep 100; p look; p seek 1; p purge 2; sleep 100; p look; p seek 1"},
	{"inbox, server stopped", OF_INBOX, 0, false,
	 "q leave a; stop; p look; p seek 1; go; p up; q up; p look; p seek 1"},
	/* ---- the stream of commands ---- */
	{"commands", OF_QUEUE, 0, false,
	 "p put a; q pull 300; q ack a; q pull 300; p put b; q pull 300; q nak b; q pull 300;"
	 "q ack b; q pull 300"},
	{"redelivery", OF_QUEUE, 2, false,
	 "p put a; q pull 300; q pull 300; q pull 700; q ack a; q pull 700"},
	{"in progress", OF_QUEUE, 0, false,
	 "p put a; q pull 300; sleep 300; q progress a; q pull 300; q pull 600; q ack a"},
	{"too often", OF_QUEUE, 0, false,
	 "p put a; q pull 100; q nak a; q pull 100; q nak a; q pull 100; q nak a; q pull 100; q "
	 "nak a;"
	 "q pull 100; q nak a; q pull 300"},
	{"too old", OF_QUEUE, 2, false, "p put a; sleep 1100; q pull 100; sleep 1000; q pull 600"},
	{"consumer made again", OF_QUEUE, 2, false,
	 "p put a; p put b; q pull 300; consumer; q ack a; q pull 300; q ack b; q pull 300; q ack "
	 "a;"
	 "q pull 300"},
	{"two of a service", OF_QUEUE, 3, false,
	 "p put a; p put b; p pull 300 &; q pull 300; wait; p ack a; q ack a; p ack b; q ack b;"
	 "p pull 600"},
	{"acknowledgement lost", OF_QUEUE, 0, false,
	 "p put a; q pull 300; q hold; q ack a; q cut; q pass; q up; q pull 900"},
	{"commands, server killed", OF_QUEUE, 0, false,
	 "p put a; q pull 300; kill; start; p up; q up; q pull 900"},
};
const uint32_t script_count = sizeof scripts / sizeof scripts[0];
