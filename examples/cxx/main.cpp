/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Two stations of one C++ program on a bus: one sends a greeting to the other.
 *
 *	shmbus-cxx /dev/shm/wire
 *
 * To build this file alone: c++ main.cpp $(pkg-config --cflags --libs shmbus)
 */

#include <exception>
#include <iostream>

#include "station.hpp"

int
main(int argc, char **argv)
{
	const std::string path = argc > 1 ? argv[1] : SHMBUS_DEFAULT_PATH;
	const std::string text = "hello from C++";

	try {
		station a(path), b(path);
		std::vector<unsigned char> frame(14, 0xff);

		frame.insert(frame.end(), text.begin(), text.end());
		a.send(frame);
		frame = b.receive();
		std::cout << std::string(frame.begin() + 14, frame.end()) << std::endl;
	} catch (const std::exception &e) {
		std::cerr << "cxx: " << e.what() << std::endl;
		return 1;
	}
	return 0;
}
