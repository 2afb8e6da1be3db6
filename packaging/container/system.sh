# What the image holds beside Node and the program: `sh system.sh ARCHITECTURE DIR` makes DIR/root and DIR/state. Runs in the build only, as root
# in an empty folder of any Debian. ARCHITECTURE as dpkg says it, which may be another than this machine's: packages are unpacked, never installed.
set -eu
architecture=$1
root=$2/root
mkdir -p "$root/etc/ssl/certs" "$root/etc/countersign" "$root/usr/bin" "$root/usr/lib" "$root/var/lib/dpkg/status.d" "$2/state"

dpkg --add-architecture "$architecture"
apt-get -qq update
apt-get -qq -o APT::Sandbox::User=root download "libc6:$architecture" "libgcc-s1:$architecture" "libstdc++6:$architecture" "libatomic1:$architecture" ca-certificates
# Everything below /usr, as Debian has it since it merged the two.
ln -s usr/lib "$root/lib"
mkdir unpacked
for package in *.deb; do
  name=$(dpkg-deb --field "$package" Package)
  dpkg-deb --extract "$package" "unpacked/$name"
  dpkg-deb --field "$package" > "$root/var/lib/dpkg/status.d/$name"
  # Some share their documentation with another package.
  doc=unpacked/$name/usr/share/doc/$name
  if [ -L "$doc" ]; then
    shared=$(readlink "$doc")
    [ -e "unpacked/$shared" ] || {
      apt-get -qq -o APT::Sandbox::User=root download "$shared:$architecture"
      dpkg-deb --extract "$shared"_*.deb "unpacked/$shared"
    }
    doc=unpacked/$shared/usr/share/doc/$shared
  fi
  mkdir -p "$root/usr/share/doc/$name"
  cp "$doc/copyright" "$root/usr/share/doc/$name/"
done
# Shared libraries only: no tables of character sets, no locales.
for folder in unpacked/*/lib/*-linux-gnu unpacked/*/usr/lib/*-linux-gnu; do
  [ -d "$folder" ] || continue
  mkdir -p "$root/usr/lib/${folder##*/}"
  find "$folder" -maxdepth 1 -name '*.so*' -exec cp -P {} "$root/usr/lib/${folder##*/}/" ';'
done
# The loader, where each ABI has it.
case $architecture in
  amd64) mkdir "$root/usr/lib64" && ln -s usr/lib64 "$root/lib64" && ln -s ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$root/usr/lib64/" ;;
  arm64) ln -s aarch64-linux-gnu/ld-linux-aarch64.so.1 "$root/usr/lib/" ;;
esac
find unpacked/ca-certificates/usr/share/ca-certificates -name '*.crt' | LC_ALL=C sort | while read -r file; do
  cat "$file"
  echo
done > "$root/etc/ssl/certs/ca-certificates.crt"

echo 'root:x:0:0:root:/:/sbin/nologin
countersign:x:65532:65532:countersign:/var/lib/countersign:/sbin/nologin' > "$root/etc/passwd"
echo 'root:x:0:
countersign:x:65532:' > "$root/etc/group"
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
mkdir -m 1777 "$root/tmp"
mkdir -m 700 "$2/state/countersign"
# The kernel starts what `#!` names: no shell in between, so that signals reach the gateway and nobody else.
printf '#!/usr/bin/node\nrequire("/usr/lib/countersign/bin/countersign.js");\n' > "$root/usr/bin/countersign"
chmod 755 "$root/usr/bin/countersign"
