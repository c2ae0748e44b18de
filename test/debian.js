// Installs the Debian packages that the real-host tests use, where that is possible: root on a Debian.
//
// Nothing here relies on the service that Debian starts for Open vSwitch: every lab starts its own daemons in its own
// namespaces and folders. Where nothing can be installed it says so in one line and the tests that need it are skipped
// (or fail, with CI=true: needs.ts). Plain JavaScript for Node 20, as bin/setup.js. Neighbour: run.js.

import { existsSync } from 'node:fs'
import { capture } from '../bin/child.js'

const wanted = [
  ...['openvswitch-switch', 'iproute2', 'ethtool', 'iputils-ping', 'tcpdump', 'iperf3', 'nftables'],
  ...['libpcap-dev', 'g++', 'make', 'python3', 'openssl'],
  ...['openvswitch-vtep', 'python3-openvswitch', 'python3-os-ken'],
  ...['openvswitch-testcontroller', 'libvirt-clients', 'libxml2-utils', 'systemd', 'tshark'],
]

/** Installs what is missing; never throws for a package that cannot be had. */
export async function installDebianPackages() {
  if (!existsSync('/usr/bin/dpkg-query')) return
  const missing = await missingPackages()
  if (missing.length === 0) return
  if (process.getuid?.() !== 0) {
    say(`not installed, and this is not root: ${missing.join(' ')}`)
    return
  }
  const began = performance.now()
  process.stderr.write(`set-up: debian: apt-get install ${missing.join(' ')} `)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const options = ['-q', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120']
  await capture('apt-get', ['update', '-q'], { env })
  const { code, output } = await capture('apt-get', ['install', ...options, ...missing], { env })
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  process.stderr.write(`(${seconds} s)\n`)
  if (code !== 0) say(`apt-get ended with ${code}\n${output.trim()}`)
}

async function missingPackages() {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills these in
  const format = '${db:Status-Abbrev} ${Package}\\n'
  const { output } = await capture('dpkg-query', ['-W', '-f', format, ...wanted])
  const present = new Set(
    output
      .split('\n')
      .filter((line) => line.startsWith('ii'))
      .map((line) => line.split(/\s+/)[1]),
  )
  return wanted.filter((name) => !present.has(name))
}

function say(line) {
  process.stderr.write(`set-up: debian: ${line}\n`)
}
