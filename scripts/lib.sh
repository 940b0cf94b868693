# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
#
# What the scripts share. Source it:  . "$(dirname "$0")/lib.sh"
#
#   shmbus_root           the top of the repository
#   shmbus_builddir       its build folder; set it beforehand to use another one
#   shmbus_plugin         print the path to give to -d, staging a copy where EAL would refuse it
#   shmbus_sanitizer_env  print what the environment of a program must hold to load a plugin that
#                         was built with sanitizers
#   shmbus_dpdk_source    print the folder of DPDK's source, of the installed version
#   shmbus_cache          the folder of what all build folders share
#   get_guest_kernel      get the kernel for the virtual machines of the tests
#   missing_packages      print those of the packages that are not installed
#   install_packages      install the packages that are missing, or say how
#   begin_steps, step     say the steps of a long job, and keep the output of programs in a log
#   compiler_called       print the name of a compiler that is the same for all of its names
#   say, die              a line to stderr; die also ends the script

# a Python or a meson of the user's own (pyenv, pip) must not stand before the system's, which
# has the modules that we and DPDK's build want
PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH

unset CDPATH
shmbus_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
shmbus_builddir=$(realpath -m -- "${shmbus_builddir:-$shmbus_root/build}")

# what all build folders share: DPDK's headers and source
shmbus_cache=$shmbus_root/build
if ! { mkdir -p "$shmbus_cache" && [ -w "$shmbus_cache" ]; } 2>/dev/null; then
	shmbus_cache=$shmbus_builddir
fi

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
	say "$*"
	exit 1
}

# begin_steps TOTAL LOG: from here on the output of all programs goes to the log. The terminal gets
# the steps; if the script fails, it gets the step, the end of the log, and its name.
begin_steps()
{
	steps_total=$1
	steps_log=$2
	steps_done=0
	: >"$steps_log"
	exec 3>&1 4>&2 >>"$steps_log" 2>&1
	trap 'steps_end $?' EXIT
}

# step TEXT [SECONDS]: the next step begins. Says nothing without begin_steps.
step()
{
	[ -n "${steps_total:-}" ] || return 0
	steps_done=$((steps_done + 1))
	steps_text=$1
	printf '%d of %d: %s%s\n' "$steps_done" "$steps_total" "$1" "${2:+, about $2 s}" >&3
	printf '==== %s\n' "$1"
}

steps_end()
{
	[ "$1" -ne 0 ] || return 0
	{
		printf '%s: step %d failed (%s). The end of its output:\n' \
			"${0##*/}" "$steps_done" "$steps_text"
		tail -n 15 -- "$steps_log" | sed 's/^/    /'
		printf '%s: all output is in %s\n' "${0##*/}" "$steps_log"
	} >&4
}

# Prints the words of $CC as scripts/setup compares them: cc and gcc are one compiler if the
# first is a link to the second, and ccache makes no other compiler of it.
compiler_called()
{
	local words path
	read -ra words <<<"$1"
	[ "${words[0]##*/}" != ccache ] || [ ${#words[@]} -eq 1 ] || words=("${words[@]:1}")
	path=$(command -v -- "${words[0]}") && path=$(realpath -e -- "$path") || path=${words[0]}
	printf '%s\n' "${path##*/}${words[1]:+ ${words[*]:1}}"
}

# EAL loads no plugin when the file or any folder above it is writable for everybody (/tmp).
# Prints the first one that is, and nothing when all are well.
shmbus_world_writable()
{
	local path
	path=$(realpath -e -- "$1") || return 1
	while :; do
		if [ -n "$(find "$path" -maxdepth 0 -perm -o=w)" ]; then
			printf '%s\n' "$path"
			return 0
		fi
		[ "$path" = / ] && return 0
		path=$(dirname -- "$path")
	done
}

# Prints a folder that is ours alone and that EAL trusts, creating it.
shmbus_private_dir()
{
	local base dir home above
	home=$(getent passwd "$(id -u)" | cut -d: -f6) || home=
	for base in "${XDG_RUNTIME_DIR:-}" "${HOME:+$HOME/.cache}" "${home:+$home/.cache}" \
		"/run/user/$(id -u)" "$([ "$(id -u)" = 0 ] && echo /run)"; do
		case $base in
		/*) dir=$base/shmbus ;;
		*) continue ;;
		esac
		above=$dir
		while [ ! -e "$above" ]; do
			above=$(dirname -- "$above")
		done
		[ -z "$(shmbus_world_writable "$above")" ] || continue
		(umask 077 && mkdir -p -- "$dir") 2>/dev/null || continue
		if [ ! -O "$dir" ] || [ -L "$dir" ] || [ ! -w "$dir" ]; then
			continue
		fi
		printf '%s\n' "$dir"
		return 0
	done
	return 1
}

shmbus_plugin()
{
	local built bad dir staged
	built=$shmbus_builddir/drivers/net/shmbus/librte_net_shmbus.so
	built=$(realpath -e -- "$built" 2>/dev/null) ||
		die "no plugin in $shmbus_builddir: run scripts/setup"
	bad=$(shmbus_world_writable "$built")
	if [ -z "$bad" ]; then
		printf '%s\n' "$built"
		return 0
	fi
	dir=$(shmbus_private_dir) ||
		die "$bad is writable for everybody, so EAL refuses plugins below it," \
			"and there is no private folder to copy the plugin to: set HOME or XDG_RUNTIME_DIR"
	# one folder per build folder; a copy of other content gets another inode, so that
	# processes that have the old one mapped keep it
	staged=$dir/$(printf '%s' "$built" | sha256sum | cut -c1-16)
	(umask 077 && mkdir -p -- "$staged")
	staged=$staged/librte_net_shmbus.so
	if ! cmp -s -- "$built" "$staged"; then
		cp -- "$built" "$staged.$$"
		chmod 0700 -- "$staged.$$"
		mv -f -- "$staged.$$" "$staged"
	fi
	say "$bad is writable for everybody and EAL refuses plugins below it: using the copy $staged"
	printf '%s\n' "$staged"
}

# Print those of the packages that are not installed, one a line.
missing_packages()
{
	local package
	for package; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
			printf '%s\n' "$package"
	done
}

# Ends the script with the command that installs the packages, unless it runs as root.
need_root_for()
{
	[ "$(id -u)" != 0 ] || return 0
	say "packages are missing; install them with"
	printf '\n    sudo apt-get update\n    sudo DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends %s\n\n' \
		"$*" >&2
	exit 1
}

# Install the packages that are missing, or say how.
install_packages()
{
	local -a missing
	mapfile -t missing < <(missing_packages "$@")
	[ ${#missing[@]} -gt 0 ] || return 0
	need_root_for "${missing[@]}"
	say "installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q update >&2 || say "apt-get update failed; trying with the lists that are there"
	# a changed file of configuration stays as it is: nobody is asked
	apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
		-o DPkg::Options::=--force-confdef -o DPkg::Options::=--force-confold \
		install "${missing[@]}" >&2 </dev/null || die "apt-get could not install ${missing[*]}"
}

has_driver_headers()
{
	# shellcheck disable=SC2046
	printf '#include <ethdev_driver.h>\n' |
		${CC:-cc} -E $(pkg-config --cflags libdpdk) -o /dev/null - 2>/dev/null
}

# Apt's own configuration in $1: the sources that the system has for its own release (of both
# formats, with their options), for source packages only or, with $2, for packages of that
# architecture. No file of the system's is changed, no list or cache of its either.
private_apt()
{
	local dir=$1 arch=${2:-} type=deb-src list parts ours file
	[ -z "$arch" ] || type=deb
	ours='^('$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-stable}")'|stable)([-/].*)?$'
	rm -rf "$dir"
	mkdir -p "$dir/sources" "$dir/lists/partial" "$dir/cache/archives/partial"
	eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
	for file in "$list" "$parts"/*.list; do
		[ -f "$file" ] || continue
		sed -E 's/#.*//' "$file"
		echo
	done | awk -v ours="$ours" -v type="$type" '
		$1 !~ /^deb(-src)?$/ { next }
		{
			line = $0
			sub(/^[ \t]*deb(-src)?[ \t]+/, "", line)
			if (type == "deb")
				sub(/arch=[^] \t]+[ \t]*/, "", line)
			rest = line
			sub(/^\[[^]]*\][ \t]*/, "", rest)
			split(rest, word, /[ \t]+/)
			if (word[2] ~ ours)
				print type " " line
		}' | sort -u >"$dir/sources/system.list"
	for file in "$parts"/*.sources; do
		[ -f "$file" ] || continue
		sed '/^#/d; s/^[[:space:]]*$//' "$file"
		echo
	done | awk -v ours="$ours" -v type="$type" 'BEGIN { RS = ""; FS = "\n"; ORS = "\n\n" }
		{
			own = 0
			types = 0
			for (i = 1; i <= NF; i++) {
				key = tolower($i)
				if (key ~ /^enabled:[ \t]*(no|false|without|off|disable|0)[ \t]*$/)
					next
				if (key ~ /^types:/) {
					$i = "Types: " type
					types = 1
				}
				if (key ~ /^architectures:/ && type == "deb")
					$i = "#"
				if (key ~ /^suites:/) {
					n = split($i, suite, /[ \t]+/)
					for (j = 2; j <= n; j++)
						own = own || suite[j] ~ ours
				}
			}
			if (own && types) {
				stanza = $1
				for (i = 2; i <= NF; i++)
					stanza = stanza "\n" $i
				print stanza
			}
		}' >"$dir/sources/system.sources"
	cat >"$dir/apt.conf" <<-EOF
	Dir::Etc::SourceList "/dev/null";
	Dir::Etc::SourceParts "$dir/sources";
	Dir::State::Lists "$dir/lists";
	Dir::Cache "$dir/cache";
	APT::Sandbox::User "root";
	Acquire::Languages "none";
	#clear APT::Update;
	EOF
	[ -z "$arch" ] || cat >>"$dir/apt.conf" <<-EOF
	#clear APT::Architectures;
	APT::Architecture "$arch";
	APT::Architectures "$arch";
	Dir::State::Status "/dev/null";
	EOF
}

# Unpack packages of a foreign architecture $1 into the folder $2, and install nothing. Ends the script
# with 77 if the archive does not have them.
unpack_foreign()
{
	local arch=$1 root=$2 package
	shift 2
	[ "$(cat "$root/PACKAGES" 2>/dev/null)" != "$*" ] || return 0
	say "getting $* for $arch"
	rm -rf "$root"
	mkdir -p "$root/download"
	private_apt "$root/apt" "$arch"
	{
		apt-get -q -c "$root/apt/apt.conf" update &&
			(cd "$root/download" && apt-get -q -c "$root/apt/apt.conf" download "$@")
	} >"$root/apt.log" 2>&1 || {
		grep '^E:' "$root/apt.log" | tail -n 5 >&2 || true
		say "could not get $* for $arch (all messages: $root/apt.log)"
		exit 77
	}
	for package in "$root"/download/*.deb; do
		dpkg-deb -x "$package" "$root"
	done
	rm -rf "$root/apt" "$root/download"
	printf '%s\n' "$*" >"$root/PACKAGES"
}

# Get Debian's kernel for the virtual machines of the tests (tests/lib/guest.py), and unpack it with
# the modules that they need. It is not installed: that would make it a kernel of this machine. Needs
# no root where apt knows the archive. Fails with a message if there is none.
get_guest_kernel()
{
	local guest=$shmbus_cache/guest package log=$shmbus_cache/guest.log
	if [ "$(dpkg --print-architecture)" != amd64 ]; then
		say "there is a kernel for virtual machines on amd64 only"
		return 1
	fi
	[ ! -f "$guest/PACKAGE" ] || return 0
	rm -rf "$guest"
	mkdir -p "$guest/download"
	package=$(guest_kernel_package)
	if [ -z "$package" ] && [ "$(id -u)" = 0 ]; then
		apt-get -q update >"$log" 2>&1 || true
		package=$(guest_kernel_package)
	fi
	say "getting the kernel of ${package:-linux-image-amd64} for tests with virtual machines"
	# apt downloads as root into a folder that its own user may not write to, and says so
	if ! (cd "$guest/download" && apt-get -q -o APT::Sandbox::User=root download "$package") >>"$log" 2>&1; then
		grep '^E:' "$log" | tail -n 5 >&2 || true
		say "could not get the package of a kernel (all messages: $log);" \
			"if apt knows no such package, root does: apt-get update"
		return 1
	fi
	dpkg-deb --fsys-tarfile "$guest/download"/*.deb | tar -x -C "$guest" --wildcards './boot/vmlinuz-*' \
		'*/kernel/drivers/virtio' '*/kernel/drivers/net/virtio_net.ko*' \
		'*/kernel/drivers/net/net_failover.ko*' '*/kernel/net/core/failover.ko*'
	rm -rf "$guest/download"
	extract_kernel "$guest"/boot/vmlinuz-*
	printf '%s\n' "$package" >"$guest/PACKAGE"
}

# Writes the ELF file that is compressed in a vmlinuz beside it, as vmlinux. A guest that need not
# decompress its kernel boots in half of the time. Without the file it boots the vmlinuz.
extract_kernel()
{
	/usr/bin/python3 - "$1" "${1/vmlinuz/vmlinux}" 2>/dev/null <<-"EOF" ||
	import lzma, sys
	with open(sys.argv[1], "rb") as f:
	    data = f.read()
	kernel = lzma.LZMADecompressor().decompress(data[data.index(b"\xfd7zXZ\0"):])
	assert kernel.startswith(b"\x7fELF")
	with open(sys.argv[2], "wb") as f:
	    f.write(kernel)
	EOF
		say "guests will decompress their kernel $1"
}

# Prints the package in which the newest kernel that apt knows is; nothing if it knows none.
guest_kernel_package()
{
	apt-cache depends --important linux-image-amd64 2>/dev/null |
		sed -n 's/^ *Depends: *\(linux-image-[^ ]*\)$/\1/p' | head -n 1
}

# Get the source package $1 (NAME=VERSION) and unpack it below the folder $2.
get_source_package()
{
	local package=$1 work=$2 apt=$2/apt log=$2/apt.log have
	private_apt "$apt"
	apt-get -q -c "$apt/apt.conf" update >"$log" 2>&1 || true
	if ! (cd "$work" && apt-get -q -c "$apt/apt.conf" source "$package") >>"$log" 2>&1; then
		# a system that names no updates: they are where its own packages are
		(
			. /etc/os-release
			[ "${ID:-}" = debian ] || exit 0
			apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
				sed -n 's,/debian/$,,p' | sort -u | while read -r base; do
				printf 'deb-src %s main\n' "$base/debian $VERSION_CODENAME" \
					"$base/debian $VERSION_CODENAME-updates" \
					"$base/debian-security $VERSION_CODENAME-security"
			done >"$apt/sources/debian.list" || true
		)
		apt-get -q -c "$apt/apt.conf" update >>"$log" 2>&1 || true
		(cd "$work" && apt-get -q -c "$apt/apt.conf" source "$package") >>"$log" 2>&1 || {
			grep '^E:' "$log" | tail -n 5 >&2 || true
			have=$(apt-cache -c "$apt/apt.conf" showsrc "${package%%=*}" 2>/dev/null |
				sed -n 's/^Version: //p' | sort -Vu | paste -sd' ')
			say "could not get the source package $package; the archive has" \
				"${have:-none} (all messages: $log)"
			[ -z "$have" ] ||
				say "if a newer one is there: apt-get update && apt-get upgrade"
			die "else unpack that source somewhere and tell meson of a folder with its" \
				"driver headers: meson setup -Ddpdk_headers=FOLDER build"
		}
	fi
	rm -rf "$apt"
}

# DPDK's source of the installed version, unpacked; got from the Debian source package when it is
# not there yet. Prints its folder.
shmbus_dpdk_source()
{
	local package pc version work
	pc=$(pkg-config --variable=pcfiledir libdpdk)/libdpdk.pc
	dpkg -S "$pc" >/dev/null 2>&1 ||
		die "$pc is of no package: build that DPDK with -Denable_driver_sdk=true," \
			"or use meson setup -Ddpdk_headers=FOLDER"
	package=$(dpkg-query -W -f '${source:Package}=${source:Version}' libdpdk-dev)
	version=$(pkg-config --modversion libdpdk)
	work=$shmbus_cache/dpdk-src
	if [ "$(cat "$work/PACKAGE" 2>/dev/null)" != "$package" ]; then
		install_packages dpkg-dev
		say "getting the source package $package"
		rm -rf "$work"
		mkdir -p "$work"
		get_source_package "$package" "$work"
		printf '%s\n' "$package" >"$work/PACKAGE"
	fi
	printf '%s\n' "$work/dpdk-$version"
}

# A program that was not built with the sanitizers loads a plugin that was only when their run-time
# library is in it first. Prints what to put before such a program, with env, one word a line;
# nothing for a plain build:
#
#   mapfile -t san < <(shmbus_sanitizer_env)
#   env "${san[@]}" dpdk-testpmd -d "$(shmbus_plugin)" ...
#
# Leaks are not looked for: DPDK's programs leave much to exit(). What the caller has set in
# ASAN_OPTIONS and UBSAN_OPTIONS goes last and so prevails.
shmbus_sanitizer_env()
{
	local libs
	libs=$(ldd "$shmbus_builddir/drivers/librte_net_shmbus.so" 2>/dev/null |
		awk '$1 ~ /^lib(asan|ubsan|clang_rt\.asan)/ && $3 ~ /^\// { print $3 }' | paste -sd:)
	[ -n "$libs" ] || return 0
	printf '%s\n' "LD_PRELOAD=$libs${LD_PRELOAD:+:$LD_PRELOAD}" \
		"ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS:-}" \
		"UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:${UBSAN_OPTIONS:-}"
}
