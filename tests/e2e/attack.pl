#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Somebody who wants an address authorised without having logged in.
#
#   attack.pl udp    HOST PORT ADDRESS [SOURCE [SOURCEPORT]]
#   attack.pl tcp    HOST PORT ADDRESS [SOURCE [SOURCEPORT]]
#   attack.pl leave  udp|tcp HOST PORT ADDRESS SOURCE SOURCEPORT
#                                               without waiting for the answer
#   attack.pl hold   udp|tcp HOST PORT SOURCE SOURCEPORT FILE
#                                               that port, while FILE is
#   attack.pl unix   PATH VERSION PROCEDURE ADDRESS
#   attack.pl callit HOST PROTOCOL ADDRESS      through the host's rpcbind
#   attack.pl raw    SOURCE SOURCEPORT HOST PORT ADDRESS
#   attack.pl frame  DEVICE MAC SOURCE SOURCEPORT HOST PORT ADDRESS
#   attack.pl free   udp|tcp SOURCE HOST PORT ADDRESS   SOURCE is not ours
#   attack.pl set    PATH PORT                  in the list of an rpcbind
#   attack.pl idle   HOST|PATH PORT COUNT FILE  hold connections, while FILE is
#
# Prints the word that the server answers with, or what happened instead.
use strict;
use warnings;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(:DEFAULT inet_pton);

my $xid = 0x64726163;

sub address {
	my ($text) = @_;
	my $v6 = inet_pton(AF_INET6, $text);
	return ($v6, 2) if defined $v6;
	return (inet_pton(AF_INET, $text), 1);
}

# The call of version 1 or 2.
sub call {
	my ($octets, $version) = address(@_);
	my $argument = $version == 1 ? $octets
	    : pack 'l>16', unpack 'c16', $octets;
	return pack('N10', $xid, 0, 2, 900101, $version, 1, 0, 0, 0, 0)
	    . $argument;
}

sub marked {
	my ($message) = @_;
	return pack('N', 0x80000000 | length $message) . $message;
}

sub verdict {
	my ($reply) = @_;
	return print "silence\n" unless defined $reply && length $reply;
	my @word = unpack 'N*', $reply;
	return print "denied\n" if @word >= 3 && $word[2] != 0;
	return print "fault $word[5]\n" if @word >= 6 && $word[5] != 0;
	return print "answer ", $word[6] // 'nothing', "\n";
}

sub with_limit {
	my ($read) = @_;
	my $reply;
	local $SIG{ALRM} = sub { die "time\n" };
	alarm 2;
	eval { $reply = $read->() };
	alarm 0;
	return $reply;
}

sub reach {
	my ($type, $host, $port, $source, $source_port) = @_;
	return IO::Socket::IP->new(PeerHost => $host, PeerPort => $port,
		Type => $type, ReuseAddr => 1,
		defined $source ? (LocalHost => $source) : (),
		defined $source_port ? (LocalPort => $source_port) : ());
}

sub converse {
	my ($type, $host, $port, $message, @source) = @_;
	my $socket = reach($type, $host, $port, @source)
	    or return print "cannot: $@\n";
	$message = marked($message) if $type == SOCK_STREAM;
	$socket->syswrite($message) or return print "cannot: $!\n";
	return stream($socket) if $type == SOCK_STREAM;
	return verdict(with_limit(sub {
		$socket->recv(my $reply, 65536);
		return $reply;
	}));
}

sub stream {
	my ($socket) = @_;
	return verdict(with_limit(sub {
		my $reply = '';
		while (length $reply < 4 || length $reply <
		    4 + (unpack('N', $reply) & 0x7fffffff)) {
			$socket->sysread($reply, 4096, length $reply)
			    or return;
		}
		return substr $reply, 4;
	}));
}

# The call of version 3 with an address: its length and the octets, and for
# 2 and 4 until when.
sub local_call {
	my ($version, $procedure, $address) = @_;
	my $head = pack 'N10', $xid, 0, 2, 900101, $version, $procedure,
	    0, 0, 0, 0;
	return call($address) if $version < 3;
	my ($octets) = address($address);
	my %until = (2 => pack('Q>2', 2000000000, 1), 4 => pack('Q>', 2000000000));
	return $head . pack('N', length $octets) . $octets
	    . ($until{$procedure} // '');
}

# RFC 1833, 3.2: procedure 5 of version 2 calls another program.
sub callit {
	my ($address) = @_;
	my ($octets, $version) = address($address);
	my $argument = substr call($address), 40;
	return pack('N10', $xid, 0, 2, 100000, 2, 5, 0, 0, 0, 0)
	    . pack('N4', 900101, $version, 1, length $argument) . $argument;
}

sub sum16 {
	my ($octets) = @_;
	my $sum = 0;
	$sum += $_ for unpack 'n*', $octets . (length($octets) % 2 ? "\0" : '');
	$sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
	return ~$sum & 0xffff;
}

# The UDP datagram, its checksum as of RFC 768 and RFC 8200, 8.1.
sub udp {
	my ($from, $source_port, $to, $port, $message) = @_;
	my $size = 8 + length $message;
	my $udp = pack('n4', $source_port, $port, $size, 0) . $message;
	my $check = sum16($from . $to . pack('N2', $size, 17) . $udp);
	substr $udp, 6, 2, pack 'n', $check || 0xffff;
	return $udp;
}

# The packet of either family, with a source of one's own choice.
sub packet {
	my ($source, $source_port, $host, $port, $address) = @_;
	my ($from, $to) = map { (address($_))[0] } $source, $host;
	my $udp = udp($from, $source_port, $to, $port, call($address));
	return pack('NnC2', 6 << 28, length $udp, 17, 64) . $from . $to . $udp
	    if length $to == 16;
	my $head = pack('C2n3C2n', 0x45, 0, 20 + length $udp, 1, 0, 64, 17, 0)
	    . $from . $to;
	substr $head, 10, 2, pack 'n', sum16($head);
	return $head . $udp;
}

sub raw {
	my (undef, undef, $host) = @_;
	socket my $socket, PF_INET, SOCK_RAW, 255 or return print "cannot: $!\n";
	send $socket, packet(@_), 0, pack_sockaddr_in(0, inet_pton(AF_INET, $host))
	    or return print "cannot: $!\n";
	print "sent\n";
}

# packet(7): what our own kernel would not send.
sub frame {
	my ($device, $mac, @packet) = @_;
	my $packet = packet(@packet);
	my $type = unpack('C', $packet) >> 4 == 6 ? 0x86dd : 0x0800;
	socket my $socket, 17, SOCK_DGRAM, 0 or return print "cannot: $!\n";
	my $request = pack 'a16x24', $device;
	ioctl $socket, 0x8933, $request or return print "cannot: $!\n";
	my $to = pack 'SnlSCCa8', 17, $type, unpack('x16l', $request), 0, 0, 6,
	    pack 'H*', $mac =~ tr/://dr;
	send $socket, $packet, 0, $to or return print "cannot: $!\n";
	print "sent\n";
}

# ipv6(7), ip(7): IPV6_FREEBIND and IP_FREEBIND need no privilege.
sub freely {
	my ($kind, $source, $host, $port, $address) = @_;
	my $type = $kind eq 'udp' ? SOCK_DGRAM : SOCK_STREAM;
	my $v6 = $host =~ /:/;
	my @at = map { my ($ip, $at) = @$_; $v6
		? pack_sockaddr_in6($at, inet_pton(AF_INET6, $ip))
		: pack_sockaddr_in($at, inet_pton(AF_INET, $ip))
	    } [$source, 0], [$host, $port];
	socket my $socket, $v6 ? AF_INET6 : AF_INET, $type, 0
	    or return print "cannot: $!\n";
	setsockopt $socket, $v6 ? 41 : 0, $v6 ? 78 : 15, 1
	    or return print "cannot: $!\n";
	bind $socket, $at[0] or return print "cannot: $!\n";
	defined with_limit(sub { connect $socket, $at[1] or undef })
	    or return print "cannot: $!\n";
	my $message = call($address);
	syswrite $socket, $type == SOCK_STREAM ? marked($message) : $message
	    or return print "cannot: $!\n";
	print "sent\n";
}

# RFC 1833, 2.2.1: what an older daemon of root's left behind.
sub set {
	my ($path, $port) = @_;
	my $string = sub { pack 'N/a x!4', $_[0] };
	my $where = join '.', '0.0.0.0', $port >> 8, $port & 255;
	my $socket = IO::Socket::UNIX->new(Peer => $path)
	    or return print "cannot: $!\n";
	$socket->syswrite(marked(pack('N10', $xid, 0, 2, 100000, 3, 1,
		0, 0, 0, 0) . pack('N2', 900101, 1)
		. $string->('udp') . $string->($where) . $string->('')));
	return stream($socket);
}

# A connection ends by a reset, so that its port is free at once.
sub leave {
	my ($type, $host, $port, $message, @source) = @_;
	my $socket = reach($type, $host, $port, @source)
	    or return print "cannot: $@\n";
	setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'll', 1, 0;
	$message = marked($message) if $type == SOCK_STREAM;
	$socket->syswrite($message) or return print "cannot: $!\n";
	close $socket;
	print "sent\n";
}

sub hold {
	my ($type, $host, $port, $source, $source_port, $file) = @_;
	$| = 1;
	my $socket = reach($type, $host, $port, $source, $source_port)
	    or return print "cannot: $@\n";
	print "held\n";
	select undef, undef, undef, 0.05 while -e $file;
}

sub idle {
	my ($host, $port, $count, $file) = @_;
	my @sockets;
	for (1 .. $count) {
		my $socket = $host =~ m{^/}
		    ? IO::Socket::UNIX->new(Peer => $host)
		    : IO::Socket::IP->new(PeerHost => $host, PeerPort => $port);
		push @sockets, $socket if defined $socket;
		# Half a record mark.
		$socket->syswrite("\x80\0") if defined $socket && $_ % 2;
	}
	print scalar @sockets, "\n";
	close STDOUT;
	select undef, undef, undef, 0.1 while -e $file;
}

$SIG{PIPE} = 'IGNORE';
my ($verb, @rest) = @ARGV;
die "usage\n" unless defined $verb;
if ($verb eq 'udp' || $verb eq 'tcp') {
	my ($host, $port, $address, @source) = @rest;
	converse($verb eq 'udp' ? SOCK_DGRAM : SOCK_STREAM, $host, $port,
		call($address), @source);
} elsif ($verb eq 'leave') {
	my ($kind, $host, $port, $address, @source) = @rest;
	leave($kind eq 'udp' ? SOCK_DGRAM : SOCK_STREAM, $host, $port,
		call($address), @source);
} elsif ($verb eq 'hold') {
	my ($kind, @where) = @rest;
	hold($kind eq 'udp' ? SOCK_DGRAM : SOCK_STREAM, @where);
} elsif ($verb eq 'unix') {
	my ($path, @call) = @rest;
	my $socket = IO::Socket::UNIX->new(Peer => $path)
	    or print("cannot: $!\n"), exit;
	$socket->syswrite(marked(local_call(@call)));
	stream($socket);
} elsif ($verb eq 'callit') {
	my ($host, $protocol, $address) = @rest;
	converse($protocol eq 'udp' ? SOCK_DGRAM : SOCK_STREAM, $host, 111,
		callit($address));
} elsif ($verb eq 'raw') {
	raw(@rest);
} elsif ($verb eq 'frame') {
	frame(@rest);
} elsif ($verb eq 'free') {
	freely(@rest);
} elsif ($verb eq 'set') {
	set(@rest);
} elsif ($verb eq 'idle') {
	idle(@rest);
} else {
	die "usage\n";
}
