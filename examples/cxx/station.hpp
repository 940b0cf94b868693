/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STATION_HPP
#define STATION_HPP

/* A station that leaves the bus when it goes out of scope. Errors become exceptions. C++11. */

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <shmbus.h>

class station {
public:
	explicit station(const std::string &path, const shmbus_conf &conf = shmbus_conf())
	{
		check(shmbus_attach(&st, path.c_str(), &conf));
	}

	~station() { shmbus_detach(st); }

	station(station &&other) noexcept : st(other.st) { other.st = nullptr; }

	station &operator=(station &&other) noexcept
	{
		std::swap(st, other.st);
		return *this;
	}

	station(const station &) = delete;
	station &operator=(const station &) = delete;

	void send(const std::vector<unsigned char> &frame)
	{
		const shmbus_tx tx = { frame.data(), static_cast<uint32_t>(frame.size()) };

		check(shmbus_send_all(st, &tx, 1, -1));
	}

	/* Waits for the next frame, and returns it. Empty: no frame came in time. */
	std::vector<unsigned char> receive(int timeout_ms = -1)
	{
		std::vector<unsigned char> bytes(65536);
		shmbus_rx rx = shmbus_rx();

		rx.data = bytes.data();
		rx.room = static_cast<uint32_t>(bytes.size());
		while (check(shmbus_receive(st, &rx, 1)) == 0)
			if (check(shmbus_wait(st, timeout_ms)) == 0)
				return std::vector<unsigned char>();
		bytes.resize(rx.len);
		return bytes;
	}

private:
	static int check(int ret)
	{
		if (ret < 0)
			throw std::runtime_error(shmbus_error_text());
		return ret;
	}

	shmbus_station *st = nullptr;
};

#endif /* STATION_HPP */
