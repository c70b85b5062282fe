/* Keeps the seats of flights: book, cancel. */
#include "examples/travel/service.h"

int main(int argc, char **argv)
{
	return travel_main(argc, argv, &travel_flight);
}
