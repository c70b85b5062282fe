/* Writes bookings.jsonl and stock.jsonl, always the same ones: travel-make-bookings FOLDER.
 *
 * Many customers ask for more seats and rooms than there are. The numbers are chosen so that, in
 * whatever order the bookings come, several hundred of them end at each of: all done, no balance,
 * no seat, no room, card declined. What one after the other would give is printed.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/prng.h"

enum {
	BOOKINGS = 2400,
	CUSTOMERS = 600,
	CUSTOMERS_POOR = 100,     /* the first ones: hardly any balance */
	CUSTOMERS_DECLINED = 120, /* the next ones: a card that takes nothing */
	FLIGHTS = 40,
	FLIGHTS_SMALL = 10,
	HOTELS = 30,
	HOTELS_SMALL = 8,
	UNIT_MAX = 64,
};

struct world {
	int64_t balance[CUSTOMERS], card[CUSTOMERS];
	int64_t seats[FLIGHTS], rooms[HOTELS];
	uint32_t done, no_balance, no_seat, no_room, declined;
};

struct wish {
	uint32_t customer, flight, hotel;
	int64_t seats, rooms, price;
	bool exact; /* wants the flight just as it was looked at: version 0 */
};

static uint32_t below(struct prng *prng, uint32_t bound)
{
	return (uint32_t)prng_below(prng, bound);
}

static void make_world(struct prng *prng, struct world *world)
{
	for (uint32_t i = 0; i < CUSTOMERS; i++) {
		const bool poor = i < CUSTOMERS_POOR;
		const bool declined = !poor && i < CUSTOMERS_POOR + CUSTOMERS_DECLINED;

		world->balance[i] = poor ? below(prng, 100) : 1200 + below(prng, 1600);
		world->card[i] = declined ? below(prng, 100) : 10000;
	}
	for (uint32_t i = 0; i < FLIGHTS; i++)
		world->seats[i] = i < FLIGHTS_SMALL ? 10 : 50 + below(prng, 15);
	for (uint32_t i = 0; i < HOTELS; i++)
		world->rooms[i] = i < HOTELS_SMALL ? 6 : 50 + below(prng, 15);
}

static struct wish make_wish(struct prng *prng)
{
	struct wish wish = {.seats = 1 + below(prng, 2), .rooms = 1 + (below(prng, 5) == 0)};

	wish.customer = below(prng, CUSTOMERS);
	wish.flight = below(prng, 4) == 0 ? below(prng, FLIGHTS_SMALL)
					  : FLIGHTS_SMALL + below(prng, FLIGHTS - FLIGHTS_SMALL);
	wish.hotel = below(prng, 4) == 0 ? below(prng, HOTELS_SMALL)
					 : HOTELS_SMALL + below(prng, HOTELS - HOTELS_SMALL);
	wish.price = 60 * (wish.seats + wish.rooms) + below(prng, 200);
	wish.exact = below(prng, 100) == 0;
	return wish;
}

/* What would become of it if nobody else were about. */
static void grant(struct world *world, const struct wish *wish)
{
	if (world->balance[wish->customer] < wish->price) {
		world->no_balance++;
	} else if (world->seats[wish->flight] < wish->seats || wish->exact) {
		world->no_seat++;
	} else if (world->rooms[wish->hotel] < wish->rooms) {
		world->no_room++;
	} else if (world->card[wish->customer] < wish->price) {
		world->declined++;
	} else {
		world->balance[wish->customer] -= wish->price;
		world->seats[wish->flight] -= wish->seats;
		world->rooms[wish->hotel] -= wish->rooms;
		world->card[wish->customer] -= wish->price;
		world->done++;
	}
}

static void write_bookings(FILE *file, struct prng *prng, struct world *world)
{
	for (uint32_t i = 0; i < BOOKINGS; i++) {
		const struct wish wish = make_wish(prng);

		(void)fprintf(file,
			      "{\"id\":\"b-%04u\",\"customer\":\"c%03u\",\"flight\":\"f%02u\","
			      "\"seats\":%" PRId64 ",\"hotel\":\"h%02u\",\"rooms\":%" PRId64
			      ",\"price\":%" PRId64 "%s}\n",
			      i + 1, wish.customer + 1, wish.flight + 1, wish.seats, wish.hotel + 1,
			      wish.rooms, wish.price, wish.exact ? ",\"flight_version\":0" : "");
		grant(world, &wish);
	}
}

static void write_kind(FILE *file, const char *kind, const char *pattern, const int64_t *amounts,
		       uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		(void)fprintf(file,
			      "{\"kind\":\"%s\",\"name\":\"%s%0*u\",\"amount\":%" PRId64 "}\n",
			      kind, pattern, count > 99 ? 3 : 2, i + 1, amounts[i]);
}

static FILE *open_in(const char *folder, const char *name)
{
	char path[1024];

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	return fopen(path, "we");
}

int main(int argc, char **argv)
{
	static struct world world;
	struct prng prng;
	FILE *stock = NULL;
	FILE *bookings = NULL;
	bool good = false;

	if (argc != 2) {
		(void)fprintf(stderr, "use: travel-make-bookings FOLDER\n");
		return 64;
	}
	prng_seed(&prng, 2);
	make_world(&prng, &world);
	stock = open_in(argv[1], "stock.jsonl");
	bookings = open_in(argv[1], "bookings.jsonl");
	if (stock != NULL && bookings != NULL) {
		write_kind(stock, "customer", "c", world.balance, CUSTOMERS);
		write_kind(stock, "card", "c", world.card, CUSTOMERS);
		write_kind(stock, "flight", "f", world.seats, FLIGHTS);
		write_kind(stock, "hotel", "h", world.rooms, HOTELS);
		write_bookings(bookings, &prng, &world);
		good = true;
	}
	if (stock != NULL)
		good = fclose(stock) == 0 && good;
	if (bookings != NULL)
		good = fclose(bookings) == 0 && good;
	if (!good) {
		(void)fprintf(stderr, "cannot write to %s\n", argv[1]);
		return 1;
	}
	(void)printf("one after the other: %u done, %u no balance, %u no seat, %u no room, "
		     "%u declined\n",
		     world.done, world.no_balance, world.no_seat, world.no_room, world.declined);
	return 0;
}
