#!/bin/sh
# Uses /threatqbeat.deb as an administrator would, in a chroot that is thrown away
# afterwards: installs it, checks the configuration, runs the demo, installs it again
# over a changed configuration, removes and purges it.
set -eu

step() { printf '\n-- %s\n' "$1"; }

step "install"
dpkg --install /threatqbeat.deb

step "who owns what"
stat -c '%A %U:%G %n' /etc/threatqbeat /etc/threatqbeat/* /var/lib/threatqbeat /var/log/threatqbeat
[ "$(stat -c '%a %U:%G' /etc/threatqbeat/threatqbeat.yml)" = "640 root:threatqbeat" ]
[ "$(stat -c '%a %U:%G' /etc/threatqbeat)" = "750 root:threatqbeat" ]
[ "$(stat -c '%a %U:%G' /var/lib/threatqbeat)" = "750 threatqbeat:threatqbeat" ]
[ "$(stat -c '%a %U:%G' /var/log/threatqbeat)" = "750 threatqbeat:threatqbeat" ]

step "version"
threatqbeat version
[ "$(threatqbeat --version)" = "$(threatqbeat version)" ]

step "documentation"
for page in README.md docs/getting-started.md threatqbeat.reference.yml docs/examples/role-setup.json; do
	[ -e "/usr/share/doc/threatqbeat/$page" ]
done
gzip --decompress --stdout /usr/share/man/man1/threatqbeat.1.gz | grep -q '^.SH COMMANDS'
threatqbeat __complete 'se' 2>/dev/null | grep -q '^setup'
grep -q __complete /usr/share/bash-completion/completions/threatqbeat

step "check the configuration"
THREATQ_URL=https://threatq.example.com THREATQ_DATA_COLLECTION_ID=0123456789abcdef \
	THREATQ_CLIENT_ID=id THREATQ_CLIENT_SECRET=secret threatqbeat test config

step "keystore belongs to the service"
threatqbeat keystore create
printf %s secret | threatqbeat keystore add THREATQ_CLIENT_SECRET --stdin
threatqbeat keystore list
[ "$(stat -c %U /var/lib/threatqbeat/threatqbeat.keystore)" = threatqbeat ]

step "demo"
cd /tmp
threatqbeat demo

step "upgrade keeps a changed configuration"
echo '# changed by the administrator' >>/etc/threatqbeat/threatqbeat.yml
dpkg --install /threatqbeat.deb
grep -q 'changed by the administrator' /etc/threatqbeat/threatqbeat.yml
[ "$(stat -c '%a %U:%G' /etc/threatqbeat/threatqbeat.yml)" = "640 root:threatqbeat" ]

step "removal keeps configuration and data"
dpkg --remove threatqbeat
[ -e /etc/threatqbeat/threatqbeat.yml ]
[ -d /var/lib/threatqbeat ]
[ ! -e /usr/bin/threatqbeat ]

step "purge leaves nothing"
dpkg --purge threatqbeat
[ ! -e /etc/threatqbeat ]
[ ! -e /var/lib/threatqbeat ]
[ ! -e /var/log/threatqbeat ]

printf '\nthe deb installs, works, keeps its configuration and goes away\n'
