/* Keeps the rooms of hotels: book, cancel. */
#include "examples/travel/service.h"

int main(int argc, char **argv)
{
	return travel_main(argc, argv, &travel_hotel);
}
