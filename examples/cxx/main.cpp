/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Two stations of one C++ program on a bus: one sends a greeting to the other.
 *
 *	shmbus-cxx /dev/shm/wire
 *
 * To build this file alone: c++ -std=c++17 main.cpp $(pkg-config --cflags --libs shmbus)
 */

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <shmbus.hpp>

constexpr std::size_t HEADER = 14; /* two addresses and the type */

/* Returns whether a frame carries this text. Frames of others may have any length. */
static bool
is(const std::vector<std::uint8_t> &frame, const std::string &text)
{
	return frame.size() == HEADER + text.size() &&
	       std::equal(text.begin(), text.end(), frame.begin() + HEADER);
}

int
main(int argc, char **argv)
{
	const std::string path = argc > 1 ? argv[1] : SHMBUS_DEFAULT_PATH;
	const std::string text = "hello from C++";

	try {
		auto a = shmbusxx::station::attach(path);
		auto b = shmbusxx::station::attach(path);
		std::vector<std::uint8_t> frame(HEADER + text.size(), 0xff);

		std::copy(text.begin(), text.end(), frame.begin() + HEADER);
		a.send(frame);
		do {
			if (!b.receive(frame, std::chrono::seconds(10))) {
				std::cerr << "cxx: no frame has come" << std::endl;
				return 1;
			}
		} while (!is(frame, text)); /* others may be on the bus */
		std::cout << text << std::endl;
	} catch (const std::exception &e) {
		std::cerr << "cxx: " << e.what() << std::endl;
		return 1;
	}
	return 0;
}
