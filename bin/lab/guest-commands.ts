/**
 * What a guest of the memory lab can be asked to do. It is a small IP stack inside the lab's process: it has no shell and runs no
 * programs, and says so. Neighbours: control-server.ts, ../../topologies/lab/guest.ts.
 */
import { formatIpv4, formatMac, parseIpv4 } from '../../southbound/wire/address.ts'
import type { Lab, Workload } from '../../topologies/lab/lab.ts'
import type { MemoryWorkload } from '../../topologies/lab/memory/guests.ts'
import { networkOfGuests, networksOf } from '../../topologies/lab/segments.ts'

export interface GuestRun {
  readonly lab: Lab
  readonly guest: Workload
  readonly signal: AbortSignal
  /** A line of output. */
  readonly say: (line: string) => void
}

type GuestCommand = (run: GuestRun, args: readonly string[]) => number | Promise<number>

const USAGE = 2
const NO_ANSWER = 1
const NO_COMMAND = 127
const ICMP_HEADER = 8
const IP_HEADER = 20

const commands: Readonly<Record<string, GuestCommand>> = {
  ping,
  arp: neighbours,
  'ip neigh': neighbours,
  'ip addr': addresses,
}
/** As people shorten them. */
const others: Readonly<Record<string, string>> = {
  ...{ 'ip n': 'ip neigh', 'ip neighbour': 'ip neigh', 'ip neighbor': 'ip neigh' },
  ...{ 'ip a': 'ip addr', 'ip address': 'ip addr' },
}

/** Runs to the end. @returns the exit code, as the program's own would be */
export async function runInGuest(run: GuestRun, argv: readonly string[]): Promise<number> {
  const [first = '', second = ''] = argv
  const size = first === 'ip' ? 2 : 1
  const typed = first === 'ip' ? `ip ${second}` : first
  const command = commands[others[typed] ?? typed]
  if (command) return command(run, argv.slice(size))
  const can = 'ping, arp, ip neigh and ip addr'
  run.say(
    `${typed.trim()}: a guest of the memory lab is a small IP stack in the lab's process: it has ${can}, and no programs; --backend netns has guests with a shell`,
  )
  return NO_COMMAND
}

const PING_USAGE = 'usage: ping [-c COUNT] [-i SECONDS] [-s BYTES] [-W SECONDS] ADDRESS'
const SECOND_MS = 1000

interface PingOptions {
  target: number
  count: number
  bytes: number
  waitMs: number
  intervalMs: number
}

async function ping({ lab, guest, signal, say }: GuestRun, args: readonly string[]) {
  const options = pingOptions(args)
  if (typeof options === 'string') {
    say(`ping: ${options}`)
    say(PING_USAGE)
    return USAGE
  }
  const { target, count, bytes, waitMs, intervalMs } = options
  const address = formatIpv4(target)
  if (target === guest.address) {
    say(`ping: ${address} is the guest itself`)
    return USAGE
  }
  if (bytes + ICMP_HEADER + IP_HEADER > guest.mtuBytes) {
    say(`ping: message too long, mtu=${guest.mtuBytes}`)
    return NO_ANSWER
  }
  const total = bytes + ICMP_HEADER + IP_HEADER
  say(`PING ${address} ${bytes}(${total}) bytes of data, DF set.`)
  let received = 0
  for (let sequence = 1; sequence <= count; sequence++) {
    const began = lab.clock.now()
    const isAnswered = await guest.ping(target, { bytes, timeoutMs: waitMs, signal })
    signal.throwIfAborted()
    const ms = lab.clock.now() - began
    if (isAnswered) received++
    const what = isAnswered
      ? `${bytes + ICMP_HEADER} bytes from ${address}: icmp_seq=${sequence} time=${ms.toFixed(2)} ms`
      : `no answer from ${address}: icmp_seq=${sequence}`
    say(what)
    if (sequence < count) await lab.clock.sleep(Math.max(0, intervalMs - ms), signal)
  }
  const loss = Math.round(((count - received) / count) * 100)
  say(`--- ${address} ping statistics ---`)
  say(`${count} packets transmitted, ${received} received, ${loss}% packet loss`)
  return received > 0 ? 0 : NO_ANSWER
}

/** What is wrong with them, in words. Without -c it is four: nobody is there to end it. */
function pingOptions(args: readonly string[]): PingOptions | string {
  const options = { target: 0, count: 4, bytes: 56, waitMs: SECOND_MS, intervalMs: SECOND_MS }
  const flags: Readonly<Record<string, (value: number) => Partial<PingOptions>>> = {
    '-c': (value) => ({ count: Math.max(1, Math.floor(value)) }),
    '-s': (value) => ({ bytes: Math.floor(value) }),
    '-W': (value) => ({ waitMs: value * SECOND_MS }),
    '-i': (value) => ({ intervalMs: value * SECOND_MS }),
  }
  const rest: string[] = []
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? ''
    const [flag, own] = /^-[a-zA-Z]\d/.test(word) ? [word.slice(0, 2), word.slice(2)] : [word]
    if (!flag?.startsWith('-')) {
      rest.push(word)
      continue
    }
    if (flag === '-n' || flag === '-4') continue
    const set = flags[flag]
    if (!set) return `${flag} is not known here`
    const value = Number(own ?? args[++at])
    if (!Number.isFinite(value) || value < 0) return `${flag} wants a number`
    Object.assign(options, set(value))
  }
  const [text, more] = rest
  if (text === undefined || more !== undefined) return 'it wants one address'
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(text)) return `${text} is no IPv4 address`
  try {
    return { ...options, target: parseIpv4(text) }
  } catch {
    return `${text} is no IPv4 address`
  }
}

function neighbours({ guest, say }: GuestRun): number {
  for (const [address, mac] of (guest as MemoryWorkload).neighbours())
    say(`${formatIpv4(address)} dev eth0 lladdr ${formatMac(mac)} REACHABLE`)
  return 0
}

function addresses({ lab, guest, say }: GuestRun): number {
  const network = networksOf(lab.document).get(networkOfGuests(lab.document).get(guest.name) ?? '')
  const cidr = network?.cidrs.find((each) => !each.includes(':')) ?? '/32'
  say(`eth0: mtu ${guest.mtuBytes} state UP`)
  say(`    link/ether ${formatMac(guest.mac)}`)
  say(`    inet ${formatIpv4(guest.address)}${cidr.slice(cidr.indexOf('/'))}`)
  return 0
}
