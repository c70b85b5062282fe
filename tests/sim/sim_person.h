/* What services are like: drawn for each from the seed. */
#ifndef SAGAD_TESTS_SIM_SIM_PERSON_H
#define SAGAD_TESTS_SIM_SIM_PERSON_H

#include <stdbool.h>
#include <stdint.h>

struct sim;
struct sim_work;
struct context_answer;

/* Per mille of commands, but where it says otherwise. */
struct sim_person {
	bool prompt; /* always */
	bool liar;   /* labelled: what it did and what it said are two things */
	uint32_t rejects, slow, silent, crashes, twice, contradicts, lies;
	uint32_t capacity; /* commands at a time, the others are told to come again; 0 = any */
};

/* sim_person.c */
/* And how often their databases fail. */
void sim_person_draw(struct sim *sim);
/* They are all well from now on. */
void sim_person_heal(struct sim *sim);
/* In the place of its work: says anything. False: it does not lie this time. */
bool sim_person_lies(struct sim *sim, const struct sim_work *work, struct context_answer *answer);
/* The opposite of what has been recorded. False: there is none, or it does not want to. */
bool sim_person_contradicts(struct sim *sim, uint32_t service, struct context_answer *answer);

#endif
