/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_HPP
#define SHMBUS_HPP

/*
 * libshmbus for C++17: stations that leave the bus, and buses that are closed, when their
 * object goes out of scope. Only a header: the functions of shmbus.h do the work, and what
 * their comments say holds here, about threads and fork() as well. The namespace is shmbusxx,
 * as shmbus is the name of a struct.
 *
 * A failure throws shmbusxx::error. A timeout is in milliseconds, and ends at a deadline,
 * however often frames for other stations wake the caller; a negative one is no limit. A
 * signal ends a wait early, as if the time had passed.
 *
 * Objects can be moved, not copied. An object that was moved from, detached or forgotten may
 * only be destroyed, or assigned to.
 */

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <shmbus.h>

namespace shmbusxx {

using milliseconds = std::chrono::milliseconds;

/* A timeout without a limit. */
constexpr milliseconds forever{ -1 };

/* what() is shmbus_error_text(); code().value() is the errno, a positive number. */
class error : public std::system_error {
public:
	explicit error(int err)
		: std::system_error(err, std::generic_category()), text(shmbus_error_text())
	{
	}

	const char *what() const noexcept override { return text.what(); }

private:
	std::runtime_error text; /* a string whose copies cannot throw */
};

namespace detail {

/* Throws if ret is a negative errno; else returns it. */
inline unsigned int
check(int ret)
{
	if (ret < 0)
		throw error(-ret);
	return static_cast<unsigned int>(ret);
}

/* Returns check(ret), or 0 if a signal came. */
inline unsigned int
check_wait(int ret)
{
	return ret == -EINTR ? 0 : check(ret);
}

/* Calls get(list, room) with more room until all entries fit. */
template <typename T, typename Get>
std::vector<T>
list(Get get)
{
	std::vector<T> all;
	unsigned int n;

	while ((n = check(get(all.data(), static_cast<unsigned int>(all.size())))) > all.size())
		all.resize(n);
	all.resize(n);
	return all;
}

inline shmbus_info
info(const struct ::shmbus *bus)
{
	shmbus_info info;

	check(shmbus_get_info(bus, &info));
	return info;
}

inline std::vector<shmbus_peer_info>
peers(const struct ::shmbus *bus)
{
	return list<shmbus_peer_info>([bus](shmbus_peer_info *peers, unsigned int n) {
		return shmbus_get_peers(bus, peers, n);
	});
}

class deadline {
public:
	explicit deadline(milliseconds timeout)
		: endless(timeout.count() < 0 || timeout > std::chrono::hours(24 * 365)),
		  end(clock::now() + (endless ? milliseconds(0) : timeout))
	{
	}

	/* Returns the time that is left, for the functions of shmbus.h. */
	int left_ms() const
	{
		if (endless)
			return -1;
		const auto left = std::chrono::ceil<milliseconds>(end - clock::now()).count();

		return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : static_cast<int>(left);
	}

private:
	using clock = std::chrono::steady_clock;

	bool endless;
	clock::time_point end;
};

} /* namespace detail */

/* A bus, examined without a port. */
class bus {
public:
	explicit bus(const std::string &path, const shmbus_conf &conf = {})
	{
		struct ::shmbus *opened = nullptr;

		detail::check(shmbus_open(&opened, path.c_str(), &conf));
		handle.reset(opened);
	}

	shmbus_info info() const { return detail::info(handle.get()); }
	std::vector<shmbus_peer_info> peers() const { return detail::peers(handle.get()); }

	shmbus_peer_info owner(std::uint32_t slot) const
	{
		shmbus_peer_info owner;

		detail::check(shmbus_get_owner(handle.get(), slot, &owner));
		return owner;
	}

	std::vector<shmbus_lane_info> lanes()
	{
		return detail::list<shmbus_lane_info>([this](shmbus_lane_info *lanes, unsigned int n) {
			return shmbus_get_lanes(handle.get(), lanes, n);
		});
	}

	/* The bus itself, for the functions of shmbus.h. */
	struct ::shmbus *get() const noexcept { return handle.get(); }

private:
	struct closer {
		void operator()(struct ::shmbus *bus) const noexcept { shmbus_close(bus); }
	};

	std::unique_ptr<struct ::shmbus, closer> handle;
};

/* A port or a monitor. */
class station {
public:
	static station attach(const std::string &path, const shmbus_conf &conf = {})
	{
		shmbus_station *st = nullptr;

		detail::check(shmbus_attach(&st, path.c_str(), &conf));
		return station(st);
	}

	static station monitor(const std::string &path, const shmbus_conf &conf = {})
	{
		shmbus_station *st = nullptr;

		detail::check(shmbus_monitor(&st, path.c_str(), &conf));
		return station(st);
	}

	/* Takes a station of shmbus.h over. */
	explicit station(shmbus_station *st) noexcept : handle(st, detacher{ true }) {}

	/*
	 * Returns queue n of a port with several queues, for another thread. The object is of use as long
	 * as that of the port, which alone leaves the bus: detach() and forget() are for that one.
	 */
	station queue(std::uint32_t n) const
	{
		shmbus_station *found = nullptr;

		detail::check(shmbus_get_queue(handle.get(), n, &found));
		return station(found, detacher{ false });
	}

	/* Leaves the bus now. */
	void detach() noexcept { handle.reset(); }

	/* In a child after fork(): frees the copy of the parent's station. */
	void forget() noexcept { shmbus_forget(handle.release()); }

	/* The station itself, for the functions of shmbus.h. */
	shmbus_station *get() const noexcept { return handle.get(); }

	shmbus_self self() const
	{
		shmbus_self self;

		detail::check(shmbus_get_self(handle.get(), &self));
		return self;
	}

	shmbus_stats stats() const
	{
		shmbus_stats stats;

		detail::check(shmbus_get_stats(handle.get(), &stats));
		return stats;
	}

	shmbus_info info() const { return detail::info(shmbus_station_bus(handle.get())); }

	std::vector<shmbus_peer_info> peers() const
	{
		return detail::peers(shmbus_station_bus(handle.get()));
	}

	/* ---- send */

	/* Sends frames without waiting. Returns the number that was taken. */
	unsigned int send_burst(const shmbus_tx *frames, unsigned int n)
	{
		return detail::check(shmbus_send(handle.get(), frames, n));
	}

	/*
	 * Sends a frame. Waits while a slow receiver delays the station. Returns false if the
	 * frame was not sent in time, or if a signal came before.
	 */
	bool send(const void *frame, std::size_t len, milliseconds timeout = forever)
	{
		const detail::deadline end(timeout);
		shmbus_tx tx{};

		tx.data = frame;
		tx.len = len < UINT32_MAX ? static_cast<std::uint32_t>(len) : UINT32_MAX;
		return detail::check_wait(shmbus_send_all(handle.get(), &tx, 1, end.left_ms())) == 1;
	}

	/* The same, of a vector, a string, an array or a span of bytes. */
	template <typename Bytes, typename = decltype(std::declval<const Bytes &>().data())>
	bool send(const Bytes &frame, milliseconds timeout = forever)
	{
		static_assert(sizeof(*frame.data()) == 1, "the elements of a frame are bytes");
		return send(static_cast<const void *>(frame.data()), frame.size(), timeout);
	}

	/* Reserves places for frames that the caller writes in place. Returns their number. */
	unsigned int reserve(shmbus_place *places, unsigned int n)
	{
		return detail::check(shmbus_reserve(handle.get(), places, n));
	}

	/* Sends the first n of them. Returns whether they were sent; else commit them again. */
	bool commit(const shmbus_place *places, unsigned int n)
	{
		return detail::check(shmbus_commit(handle.get(), places, n)) == n;
	}

	/*
	 * Waits until the bus takes frames again, after send_burst() or reserve() took fewer than
	 * they were given. Returns false if the time has passed, or a signal came.
	 */
	bool wait_room(milliseconds timeout = forever)
	{
		return detail::check_wait(shmbus_wait_room(handle.get(),
							   detail::deadline(timeout).left_ms())) != 0;
	}

	int room_fd() { return static_cast<int>(detail::check(shmbus_room_fd(handle.get()))); }

	/* Returns true if the caller may sleep, false if there is room already. */
	bool arm_room() { return detail::check(shmbus_arm_room(handle.get())) == 0; }
	void disarm_room() noexcept { shmbus_disarm_room(handle.get()); }

	/* ---- receive */

	/* Receives frames without waiting. Returns their number. */
	unsigned int receive_burst(shmbus_rx *frames, unsigned int n)
	{
		return detail::check(shmbus_receive(handle.get(), frames, n));
	}

	/* Waits for a frame. Returns false if there was none in time, or if a signal came. */
	bool receive(shmbus_rx &frame, milliseconds timeout = forever)
	{
		const detail::deadline end(timeout);
		int left_ms;

		while (receive_burst(&frame, 1) == 0) {
			left_ms = end.left_ms();
			if (left_ms == 0 || detail::check_wait(shmbus_wait(handle.get(), left_ms)) == 0)
				return false;
		}
		return true;
	}

	/*
	 * The same, with all bytes of the frame in a vector. meta, if it is given, becomes the
	 * frame's.
	 */
	bool receive(std::vector<std::uint8_t> &frame, milliseconds timeout = forever,
		     shmbus_meta *meta = nullptr)
	{
		shmbus_rx rx{};

		if (room.empty())
			room.resize(self().frame_max);
		rx.data = room.data();
		rx.room = static_cast<std::uint32_t>(room.size());
		if (!receive(rx, timeout))
			return false;
		frame.assign(room.data(), room.data() + rx.len);
		if (meta != nullptr)
			*meta = rx.meta;
		return true;
	}

	/* Shows frames in place; shmbus.h says what a reader must beware of. Returns their number. */
	unsigned int peek(shmbus_view *frames, unsigned int n)
	{
		return detail::check(shmbus_peek(handle.get(), frames, n));
	}

	/* Releases frames of the last peek. Returns whether they were intact all the time. */
	bool release(unsigned int n) { return detail::check(shmbus_release(handle.get(), n)) == n; }

	/* ---- sleep until frames arrive */

	/* Returns false if the time has passed, or a signal came. */
	bool wait(milliseconds timeout = forever)
	{
		return detail::check_wait(shmbus_wait(handle.get(),
						      detail::deadline(timeout).left_ms())) != 0;
	}

	int fd() { return static_cast<int>(detail::check(shmbus_fd(handle.get()))); }

	/* Returns true if the caller may sleep, false if there are frames already. */
	bool arm() { return detail::check(shmbus_arm(handle.get())) == 0; }
	void disarm() noexcept { shmbus_disarm(handle.get()); }

private:
	struct detacher {
		bool owns;

		void operator()(shmbus_station *st) const noexcept
		{
			if (owns)
				shmbus_detach(st);
		}
	};

	station(shmbus_station *st, detacher how) noexcept : handle(st, how) {}

	std::unique_ptr<shmbus_station, detacher> handle;
	std::vector<std::uint8_t> room; /* for one frame; of the receiving side */
};

} /* namespace shmbusxx */

#endif /* SHMBUS_HPP */
