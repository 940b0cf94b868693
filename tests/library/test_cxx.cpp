/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* shmbus.hpp: frames, errors, ownership and deadlines. Exits with 0, or says what is wrong. */

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include <shmbus.hpp>

using namespace std::chrono_literals;
using shmbusxx::station;

static_assert(!std::is_copy_constructible_v<station> && !std::is_copy_assignable_v<station>);
static_assert(std::is_nothrow_move_constructible_v<station>);
static_assert(std::is_nothrow_move_assignable_v<station>);
static_assert(!std::is_copy_constructible_v<shmbusxx::bus>);
static_assert(std::is_nothrow_copy_constructible_v<shmbusxx::error>);
static_assert(std::is_base_of_v<std::system_error, shmbusxx::error>);

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			std::cerr << __FILE__ << ":" << __LINE__ << ": " #condition << std::endl; \
			std::exit(1); \
		} \
	} while (0)

namespace {

std::vector<std::uint8_t>
frame_to(std::uint8_t first, std::size_t len)
{
	std::vector<std::uint8_t> frame(len, 0x55);

	for (std::size_t i = 0; i < 6; i++)
		frame[i] = first;
	return frame;
}

/* Returns the errno of what body throws; 0: nothing. */
template <typename Body>
int
thrown(const Body &body, const std::string &word)
{
	try {
		body();
	} catch (const std::system_error &e) {
		CHECK(std::string(e.what()).find(word) != std::string::npos);
		CHECK(e.code().category() == std::generic_category());
		return e.code().value();
	}
	return 0;
}

void
test_errors(const std::string &path)
{
	shmbus_conf conf{};

	conf.flags = SHMBUS_EXISTING;
	CHECK(thrown([&] { station::attach(path, conf); }, path) == ENOENT);
	CHECK(thrown([&] { station::monitor(path); }, path) == ENOENT);
	CHECK(thrown([&] { shmbusxx::bus bus(path); }, path) == ENOENT);
	auto a = station::attach(path);
	CHECK(thrown([&] { a.send(nullptr, 0); }, "0 bytes") == EMSGSIZE);
	CHECK(thrown([&] { a.send(nullptr, SIZE_MAX); }, "4294967295 bytes") == EMSGSIZE);
	CHECK(thrown([&] { a.release(1); }, "peek") == EINVAL);
	auto m = station::monitor(path);
	CHECK(thrown([&] { m.send(frame_to(0xff, 60)); }, "monitor") == EROFS);
}

void
test_frames(const std::string &path)
{
	auto a = station::attach(path);
	auto b = station::attach(path);
	const auto sent = frame_to(0xff, 200);
	std::vector<std::uint8_t> frame;
	std::array<char, 60> other{};
	shmbus_meta meta{};
	shmbus_view view{};

	CHECK(a.send(sent));
	CHECK(b.receive(frame, 60s, &meta));
	CHECK(frame == sent && meta.slot == a.self().slot && meta.missed == 0);
	CHECK(a.send(other));
	CHECK(a.send(std::string(60, 'x')));
	CHECK(b.wait(60s));
	CHECK(b.peek(&view, 1) == 1 && view.len == 60);
	CHECK(b.release(1));
	CHECK(b.receive(frame, 60s) && frame.size() == 60 && frame[0] == 'x');
	CHECK(!b.receive(frame, 0ms) && !b.wait(1ms));
	CHECK(b.fd() >= 0 && b.arm());
	b.disarm();
	CHECK(a.stats().tx_frames == 3 && b.stats().rx_frames == 3);
	CHECK(a.peers().size() == 2 && a.info().ports == 32);
	shmbus_place place{};
	place.len = 200;
	CHECK(a.reserve(&place, 1) == 1);
	std::copy(sent.begin(), sent.end() - 50, static_cast<std::uint8_t *>(place.data));
	place.len = 150;
	CHECK(a.commit(&place, 1));
	CHECK(b.receive(frame, 60s) && frame.size() == 150 && frame[0] == 0xff);
	CHECK(thrown([&] { a.commit(&place, 1); }, "reserved") == EINVAL);
	CHECK(a.wait_room(0ms) && a.room_fd() >= 0 && !a.arm_room());
	a.disarm_room();
	shmbusxx::bus bus(path);
	CHECK(bus.peers().size() == 2 && bus.lanes().size() == 1 && bus.info().queues == 4);
	CHECK(bus.owner(0).tx_frames == 4);
}

void
test_ownership(const std::string &path)
{
	shmbusxx::bus bus(path);
	auto a = station::attach(path);
	auto b = std::move(a);

	CHECK(bus.peers().size() == 1);
	a = station::attach(path);
	CHECK(bus.peers().size() == 2);
	b = std::move(a); /* the first one leaves */
	CHECK(bus.peers().size() == 1);
	CHECK(b.send(frame_to(0xff, 60)));
	b.detach();
	CHECK(bus.peers().empty());
	{
		auto c = station::attach(path);
		CHECK(bus.peers().size() == 1);
	}
	CHECK(bus.peers().empty());
}

/* A queue's object does not own the port, and is moved as others are. */
void
test_queues(const std::string &path)
{
	shmbus_conf conf{};
	shmbusxx::bus bus(path);
	std::vector<std::uint8_t> frame;

	conf.port_queues = 2;
	auto a = station::attach(path, conf);
	auto b = station::attach(path, conf);
	{
		auto second = a.queue(1);
		auto moved = std::move(second);

		CHECK(moved.self().queue == 1 && moved.self().queues == 2);
		CHECK(moved.send(frame_to(0xff, 60)));
	}
	CHECK(bus.peers().size() == 2);
	CHECK(a.send(frame_to(0xff, 61)));
	CHECK(a.queue(1).stats().tx_frames == 2);
	auto q = b.queue(0);
	CHECK(q.receive(frame, 60s) && frame.size() == 60);
	q = b.queue(1);
	CHECK(q.receive(frame, 60s) && frame.size() == 61);
	CHECK(thrown([&] { b.queue(2); }, "queue=2") == EINVAL);
	q = station::attach(path);
	CHECK(bus.peers().size() == 3);
}

/* Frames for others come all the time, and do not begin the timeout anew. */
void
test_deadline(const std::string &path)
{
	shmbus_conf conf{};

	conf.flags = SHMBUS_FILTER;
	auto receiver = station::attach(path, conf);
	std::atomic<bool> returned{ false };
	bool late = false;

	std::thread sender([&] {
		const auto begin = std::chrono::steady_clock::now();
		auto st = station::attach(path);

		while (!returned) {
			st.send(frame_to(0x02, 60), 10s);
			std::this_thread::sleep_for(2ms);
			if (std::chrono::steady_clock::now() - begin > 60s) {
				late = true;
				st.send(frame_to(0xff, 60), 10s);
				break;
			}
		}
	});
	std::vector<std::uint8_t> frame;
	const bool received = receiver.receive(frame, 300ms);
	returned = true;
	sender.join();
	CHECK(!received && !late);
	CHECK(receiver.stats().rx_filtered != 0);
}

} /* namespace */

int
main()
{
	char folder[] = "/dev/shm/shmbus-cxx-XXXXXX";

	CHECK(mkdtemp(folder) != nullptr);
	const std::string path = std::string(folder) + "/bus";

	test_errors(path);
	test_frames(path);
	test_ownership(path);
	test_queues(path);
	test_deadline(path);
	unlink(path.c_str());
	rmdir(folder);
	return 0;
}
