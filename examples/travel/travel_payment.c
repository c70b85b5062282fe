/* Keeps the customers' cards: charge, refund. */
#include "examples/travel/service.h"

int main(int argc, char **argv)
{
	return travel_main(argc, argv, &travel_payment);
}
