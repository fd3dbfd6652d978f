# Debian packages, by what needs them. Sourced by the scripts; installs only what is missing.
build_packages="libssl-dev libsrtp2-dev libopus-dev libsystemd-dev libtomlplusplus-dev libsqlite3-dev libc-ares-dev
    libpocketsphinx-dev libsphinxbase-dev pocketsphinx-en-us flite1-dev pkg-config g++"
demo_packages="baresip-core flite openssl python3 pocketsphinx pocketsphinx-en-us"
# Other people's SIP stacks, which the interop tests call and are called by.
interop_packages="baresip-core linphone-cli kamailio kamailio-tls-modules openssl python3"
# Other products, beside which Scripts/benchmark --peers measures.
peer_packages="kamailio kamailio-tls-modules rtpengine-daemon openssl"
# systemd-analyze and its kin, which prove the unit; nothing here needs systemd to run.
service_packages="systemd"

# need PACKAGE… : installs what dpkg does not have, without a question.
need() {
    missing=()
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    echo "installing ${missing[*]}"
    local root=""
    if [ "$(id -u)" -ne 0 ]; then root="sudo"; fi
    $root apt-get update -qq >/dev/null || { echo "apt-get update failed: is there a network?" >&2; return 1; }
    DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || {
        echo "could not install ${missing[*]}" >&2
        return 1
    }
}

# A Swift 6.2+ toolchain is the one thing that Debian does not bring.
need_swift() {
    command -v swift >/dev/null || [ ! -x /opt/swift/usr/bin/swift ] || PATH="/opt/swift/usr/bin:$PATH"
    command -v swift >/dev/null || { echo "no Swift toolchain found: install Swift 6.2 or newer from swift.org" >&2; return 1; }
}
