/**
 * What a test needs from the machine: `describe('…', needs('root', 'ovs'), () => { … })`.
 *
 * Where something is missing the tests are skipped and named with the reason (reporter.ts prints it). With CI=true they
 * fail instead: a machine that calls itself CI has to bring everything. `wants` is for what no machine has to
 * have; it skips with the reason even there. Both also give `skip` and `reason` for `test.skipIf(…)`.
 */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { platform } from 'node:os'
import { env, getuid } from 'node:process'

declare module 'vitest' {
  interface TaskMeta {
    /** Why this test was skipped. */
    reason?: string
  }
}

/** Options of a `describe` or `test`. */
export interface Needed {
  readonly skip: boolean
  /** One sentence; empty when nothing is missing. */
  readonly reason: string
  readonly meta: { readonly reason?: string }
}

/** One row per need: what is missing, in words, or undefined when it is there. */
const table = {
  root: () => (getuid?.() === 0 ? undefined : `root, and this is uid ${getuid?.() ?? 'unknown'}`),
  linux: () => (platform() === 'linux' ? undefined : `Linux, and this is ${platform()}`),
  netns: () =>
    answers('unshare', ['--net', 'true']) ? undefined : 'the right to make network namespaces',
  tun: () => (existsSync('/dev/net/tun') ? undefined : '/dev/net/tun'),
  ovs: () => commands('ovs-vswitchd', 'ovsdb-server', 'ovsdb-tool', 'ovs-vsctl', 'ovs-ofctl'),
  vtep: () =>
    existsSync('/usr/share/openvswitch/vtep.ovsschema')
      ? commands('vtep-ctl')
      : 'vtep.ovsschema of Open vSwitch',
  pythonOvs: () =>
    answers('/usr/bin/python3', ['-c', 'import ovs.db.idl'])
      ? undefined
      : "Open vSwitch's library for Debian's Python (python3-openvswitch)",
  osKen: () =>
    answers('/usr/bin/python3', ['-c', 'import os_ken'])
      ? undefined
      : "os-ken for Debian's Python (python3-os-ken)",
  testController: () => commands('ovs-testcontroller'),
  iproute2: () => commands('ip', 'bridge'),
  ethtool: () => commands('ethtool'),
  ping: () => commands('ping'),
  tcpdump: () => commands('tcpdump'),
  tshark: () => commands('tshark'),
  iperf3: () => commands('iperf3'),
  nft: () => commands('nft'),
  openssl: () => commands('openssl'),
  python: () => (existsSync('/usr/bin/python3') ? undefined : '/usr/bin/python3'),
  setpriv: () => commands('setpriv'),
  systemdAnalyze: () => commands('systemd-analyze'),
  libvirtSchemas: () =>
    existsSync('/usr/share/libvirt/schemas/domain.rng')
      ? commands('virt-xml-validate', 'xmllint')
      : 'the XML schemas of libvirt (libvirt-clients)',
  compiler: () =>
    commands('c++', 'make', 'python3') ??
    (answers('c++', ['-E', '-x', 'c++', '-', '-include', 'pcap.h'])
      ? undefined
      : 'the headers of libpcap'),
  cap: () => (loads('cap') ? undefined : 'the pcap addon (cap), which was not built'),
  vagrant: () => commands('vagrant'),
} satisfies Record<string, () => string | undefined>

/** What a test can need. */
export type Need = keyof typeof table

/** Skips without it; fails without it when CI=true. @throws {Error} naming what is missing, when CI=true */
export function needs(...names: readonly Need[]): Needed {
  const needed = wants(...names)
  if (needed.skip && env.CI === 'true') throw new Error(`CI=true, but ${needed.reason}`)
  return needed
}

/** Skips without it, always. */
export function wants(...names: readonly Need[]): Needed {
  const missing = names.map((name) => look(name)).filter((words) => words !== undefined)
  if (missing.length === 0) return { skip: false, reason: '', meta: {} }
  const reason = `needs ${missing.join('; ')}`
  return { skip: true, reason, meta: { reason } }
}

const seen = new Map<Need, string | undefined>()

function look(name: Need): string | undefined {
  if (!seen.has(name)) seen.set(name, table[name]())
  return seen.get(name)
}

function commands(...names: readonly string[]): string | undefined {
  const folders = `${env.PATH ?? ''}:/usr/sbin:/sbin`.split(':')
  const missing = names.filter((name) => !folders.some((folder) => existsSync(`${folder}/${name}`)))
  return missing.length === 0 ? undefined : `${missing.join(', ')} on the PATH`
}

function answers(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { input: '', stdio: ['pipe', 'ignore', 'ignore'] }).status === 0
}

function loads(name: string): boolean {
  try {
    createRequire(import.meta.url)(name)
    return true
  } catch (error) {
    if (error instanceof Error) return false
    throw error
  }
}
