#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# A mail user, as small as one can be: nothing but what perl-base has.
#
#   client.pl [--from ADDRESS] pop  HOST USER PASSWORD
#   client.pl [--from ADDRESS] imap HOST USER PASSWORD
#   client.pl [--from ADDRESS] smtp HOST SENDER RECIPIENT [PORT]
#   client.pl [--from ADDRESS] auth PLAIN|LOGIN HOST PORT USER PASSWORD
#       SENDER RECIPIENT
#   client.pl [--from ADDRESS] ehlo HOST PORT
#   client.pl [--from ADDRESS] wait HOST PORT SECONDS
#   client.pl [--from ADDRESS] talk HOST PORT LINE...
#   client.pl [--from ADDRESS] hammer HOST SENDER RECIPIENT COUNT CODE FILE
#
# Prints the reply that decides. Exit status: 0 accepted, 4 refused, 2 usage,
# 3 trouble (no connection, a temporary error, an answer that makes no
# sense); 1 is left to whatever could not even start this. After a password that was refused, auth tries the recipient all the
# same and prints that answer, too. ehlo prints the whole answer. hammer sends
# COUNT recipients in each session, session after session while FILE exists; it
# prints one line for each answer that does not start with CODE, with the time,
# and at the end how many of each kind there were.
use strict;
use warnings;
use IO::Socket::IP;
use Time::HiRes qw(time sleep);

my $from;
my $limit = 90;

package Line {
	sub open {
		my ($class, $host, $port) = @_;
		my $socket = IO::Socket::IP->new(
			PeerHost => $host, PeerPort => $port,
			defined $from ? (LocalHost => $from) : (),
		) or die "connect $host port $port: $@\n";
		$socket->autoflush(1);
		return bless { socket => $socket }, $class;
	}

	# One line without its end.
	sub get {
		my ($self) = @_;
		alarm $limit;
		my $line = readline $self->{socket};
		alarm 0;
		die "connection closed\n" unless defined $line;
		$line =~ s/\r?\n\z//;
		return $line;
	}

	sub put {
		my ($self, $line) = @_;
		print { $self->{socket} } "$line\r\n" or die "write: $!\n";
	}

	# All lines of an SMTP reply.
	sub lines {
		my ($self, $command) = @_;
		$self->put($command) if defined $command;
		my @lines;
		do { push @lines, $self->get } while $lines[-1] =~ /^\d{3}-/;
		return @lines;
	}

	# The last one.
	sub reply {
		my ($self, $command) = @_;
		return ($self->lines($command))[-1];
	}

	sub need {
		my ($self, $code, $command) = @_;
		my $line = $self->reply($command);
		die "$line\n" unless $line =~ /^$code/;
	}
}

sub verdict {
	my ($line, $yes, $no) = @_;
	print "$line\n";
	return 0 if $line =~ $yes;
	return 4 if $line =~ $no;
	return 3;
}

sub pop3 {
	my ($host, $user, $password) = @_;
	my $line = Line->open($host, 110);
	$line->get =~ /^\+OK/ or die "no greeting\n";
	$line->put("USER $user");
	$line->get =~ /^\+OK/ or die "USER not taken\n";
	$line->put("PASS $password");
	my $answer = $line->get;
	$line->put('QUIT');
	return verdict($answer, qr/^\+OK/, qr/^-ERR (?!.*(?:\[SYS|[Tt]emporary))/);
}

sub imap {
	my ($host, $user, $password) = @_;
	my $line = Line->open($host, 143);
	$line->get =~ /^\* OK/ or die "no greeting\n";
	$line->put(qq(a LOGIN "$user" "$password"));
	my $answer;
	do { $answer = $line->get } until $answer =~ /^a /;
	$line->put('b LOGOUT');
	return verdict($answer, qr/^a OK/,
	    qr/^a NO (?!.*(?:\[UNAVAILABLE|[Tt]emporary))/);
}

# Nobody waits for the answer to QUIT: Exim holds it back for 0.2 s.
sub greet {
	my ($host, $port) = @_;
	my $line = Line->open($host, $port);
	$line->need(220);
	$line->need(250, 'EHLO client.example.net');
	return $line;
}

sub session {
	my ($host, $sender) = @_;
	my $line = greet($host, 25);
	$line->need(250, "MAIL FROM:<$sender>");
	return $line;
}

# The answer to the recipient decides, but a server that wants AUTH may say
# so to the sender.
sub rcpt {
	my ($line, $sender, $recipient) = @_;
	my $answer = $line->reply("MAIL FROM:<$sender>");
	if ($answer =~ /^250/) {
		$answer = $line->reply("RCPT TO:<$recipient>");
	} elsif ($answer !~ /^530/) {
		die "$answer\n";
	}
	$line->put('QUIT');
	return verdict($answer, qr/^250/, qr/^5(?:30|5\d)/);
}

sub smtp {
	my ($host, $sender, $recipient, $port) = @_;
	return rcpt(greet($host, $port // 25), $sender, $recipient);
}

# Of at most 63 octets.
sub base64 {
	my ($text) = @_;
	my $code = substr pack('u63', $text), 1, -1;
	$code =~ tr{`!-_}{AB-Za-z0-9+/};
	my $pad = -length($text) % 3;
	substr($code, -$pad) = '=' x $pad if $pad;
	return $code;
}

# The reply to a login.
sub authenticate {
	my ($line, $mechanism, $user, $password) = @_;
	if ($mechanism eq 'PLAIN') {
		return $line->reply('AUTH PLAIN ' .
		    base64("\0$user\0$password"));
	}
	$line->need(334, "AUTH $mechanism");
	$line->need(334, base64($user));
	return $line->reply(base64($password));
}

sub auth {
	my ($mechanism, $host, $port, $user, $password, @mail) = @_;
	my $line = greet($host, $port);
	my $answer = authenticate($line, $mechanism, $user, $password);
	return rcpt($line, @mail) if $answer =~ /^235/;
	my $status = verdict($answer, qr/^235/, qr/^535/);
	rcpt($line, @mail);
	return $status;
}

sub ehlo {
	my ($host, $port) = @_;
	my $line = Line->open($host, $port);
	$line->need(220);
	print "$_\n" for $line->lines('EHLO client.example.net');
	$line->put('QUIT');
	return 0;
}

sub hammer {
	my ($host, $sender, $recipient, $count, $code, $file) = @_;
	my %seen = (sessions => 0, trouble => 0);
	while (-e $file) {
		$seen{sessions}++;
		eval {
			my $line = session($host, $sender);
			for (1 .. $count) {
				my $answer = $line->reply("RCPT TO:<$recipient>");
				$seen{substr $answer, 0, 3}++;
				printf "at %.3f %s\n", time, $answer
				    unless $answer =~ /^$code/;
			}
			$line->put('QUIT');
			1;
		} or do {
			$seen{trouble}++;
			printf "at %.3f trouble: %s", time, $@;
		};
	}
	print join(' ', 'total', map { "$_=$seen{$_}" } sort keys %seen), "\n";
	return 0;
}

sub talk {
	my ($host, $port, @lines) = @_;
	my $line = Line->open($host, $port);
	my $answer = $line->get;
	for (@lines) {
		if (/^while (.+)/) {
			sleep 0.05 while -e $1;
			next;
		}
		$line->put($_);
		do { $answer = $line->get }
		    until $answer =~ /^(?:\+|-ERR|\w+ (?:OK|NO|BAD))/;
		print "$answer\n";
	}
	return $answer =~ /^(?:\+|\w+ OK)/ ? 0 : 1;
}

sub wait_for {
	my ($host, $port, $seconds) = @_;
	my $end = time + $seconds;
	while (time < $end) {
		return 0 if eval { Line->open($host, $port)->get };
		sleep 0.05;
	}
	return 3;
}

my %verb = (
	pop => [\&pop3, 3], imap => [\&imap, 3], smtp => [\&smtp, 3, 4],
	auth => [\&auth, 7], ehlo => [\&ehlo, 2],
	wait => [\&wait_for, 3], hammer => [\&hammer, 6],
	talk => [\&talk, 3, 99],
);

$| = 1;
$SIG{ALRM} = sub { die "no answer in $limit s\n" };
$SIG{PIPE} = 'IGNORE';
if (@ARGV > 1 && $ARGV[0] eq '--from') {
	(undef, $from) = splice @ARGV, 0, 2;
}
my $entry = $verb{ shift @ARGV // '' };
if (!$entry || @ARGV < $entry->[1] || @ARGV > $entry->[-1]) {
	print STDERR "usage: client.pl [--from ADDRESS] VERB ARGUMENT...\n";
	exit 2;
}
my $status = eval { $entry->[0]->(@ARGV) };
if (!defined $status) {
	print "trouble: $@";
	exit 3;
}
exit $status;
