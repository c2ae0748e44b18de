/**
 * What a trace says beside what Open vSwitch says of the same frame (`ovs-appctl ofproto/trace`): table by table the same flow,
 * for random frames on br-int of a host with VXLAN, VLANs, trunks and tags of guests. Then a real packet, and its counters.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { table } from '../../controller/compiler/stages.ts'
import { parseDocument } from '../../controller/model/document.ts'
import type { Port } from '../../controller/model/schema.ts'
import type { Status } from '../../controller/northbound/realization.ts'
import { traceableBridge } from '../../dataplane/trace/bridge-trace.ts'
import { encodeFlow } from '../../southbound/openflow/flow.ts'
import { encodeGroup } from '../../southbound/openflow/group.ts'
import { parseFlow } from '../../southbound/openflow/text.ts'
import { parseGroup } from '../../southbound/openflow/text-group.ts'
import { parseIpv4, parseMac } from '../../southbound/wire/address.ts'
import {
  arpFrame,
  type FrameOptions,
  icmpEchoFrame,
  tcpSynFrame,
  udpFrame,
} from '../../southbound/wire/frame.ts'
import { type NetnsLab, openNetnsLab } from '../../topologies/lab/netns/lab.ts'
import { fetchChecked } from '../controller/northbound/schemas.ts'
import { runs } from '../random.ts'
import { needed } from './site-under-test.ts'

const file = fileURLToPath(new URL('../../topologies/vlan-trunk.yaml', import.meta.url))
const document = parseDocument(readFileSync(file, 'utf8'), file)
const ports = Object.values(document.tenants.acme?.ports ?? {})

interface Guest extends Pick<Port, 'network' | 'mac' | 'addresses'> {
  readonly ofport: number
}

/** What a guest of h1 sends to another one of its network, as it is, or with one thing wrong; now and then with a tag. */
function framesOf(guests: readonly Guest[]) {
  const spoilt = fc.record(
    {
      eth_src: fc.constantFrom(0x0200_0000_0099, ...ports.map((port) => parseMac(port.mac))),
      eth_dst: fc.constantFrom(0x0200_0000_0099, 0xffff_ffff_ffff, 0x0100_5e00_0001),
      ipv4_src: fc.constantFrom(parseIpv4('10.0.0.99'), parseIpv4('10.0.0.12')),
      ipv4_dst: fc.constantFrom(parseIpv4('10.0.0.99'), parseIpv4('255.255.255.255')),
    },
    { requiredKeys: [] },
  )
  const wrong = fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, spoilt)
  const tag = fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    fc.constantFrom(0, 30, 71, 9),
  )
  const size = fc.constantFrom(0, 100, 1400, 8900, 9100)
  return fc
    .tuple(
      fc.constantFrom(...guests),
      fc.nat(),
      fc.constantFrom('arp', 'icmp', 'tcp', 'udp'),
      wrong,
      tag,
      size,
    )
    .map(([guest, other, kind, wrongs, vlan_vid, bytes]) => {
      const peers = ports.filter(
        ({ network, mac }) => network === guest.network && mac !== guest.mac,
      )
      const peer = peers[other % peers.length] ?? guest
      const ip = {
        ...{ eth_src: parseMac(guest.mac), eth_dst: parseMac(peer.mac) },
        ...{
          ipv4_src: parseIpv4(`${guest.addresses[0]}`),
          ipv4_dst: parseIpv4(`${peer.addresses[0]}`),
        },
        ...{ vlan_vid, payload: new Uint8Array(bytes), ...wrongs },
      }
      return { port: guest.ofport, frame: frameOf(kind, ip) }
    })
}

function frameOf(kind: string, ip: FrameOptions): Uint8Array {
  const { eth_src, ipv4_src, ipv4_dst } = ip
  if (kind === 'arp')
    return arpFrame({ op: 1, sha: eth_src, spa: ipv4_src, tha: 0, tpa: ipv4_dst, eth_src })
  if (kind === 'icmp') return icmpEchoFrame({ ...ip, identifier: 1, sequence: 1 })
  if (kind === 'tcp') return tcpSynFrame({ ...ip, tcp_src: 40_000, tcp_dst: 443 })
  return udpFrame({ ...ip, udp_src: 40_000, udp_dst: 53 })
}

describe('a trace', needed, () => {
  let lab: NetnsLab
  beforeAll(async () => {
    lab = await openNetnsLab({ document, documentFile: file })
  })
  afterAll(() => lab?.close())

  test('takes the flows that Open vSwitch takes, table by table, for random frames', async () => {
    const host = lab.host('h1')
    const lines = async (...args: string[]) =>
      (await host.ofctl([...args, 'br-int'])).stdout.split('\n').map((line) => line.trim())
    const flows = (await lines('dump-flows', '--no-stats')).filter((line) => /^cookie=/.test(line))
    const groups = (await lines('dump-groups')).filter((line) => /^group_id=/.test(line))
    const bridge = traceableBridge({
      flows: flows.map((line) => encodeFlow(parseFlow(line))),
      groups: groups.map((line) => encodeGroup(parseGroup(line))),
    })
    const listed = await fetchChecked(`${lab.url}/v1/tenants/acme/ports`)
    const { items } = (await listed.json()) as { items: (Port & { status: Status })[] }
    const guests = items.flatMap(({ status, ...port }): Guest[] => {
      const { hostId, ofport } = status.binding ?? {}
      return hostId === 'h1' && ofport !== undefined ? [{ ...port, ofport }] : []
    })
    let [asked, forwarded, whole] = [0, 0, 0]
    await fc.assert(
      fc.asyncProperty(framesOf(guests), async ({ port, frame: bytes }) => {
        const hex = Buffer.from(bytes).toString('hex')
        const { stdout } = await host.appctl(['ofproto/trace', 'br-int', `in_port=${port}`, hex])
        const { lookups, sent } = bridge({ frame: bytes, port })
        const ours = lookups
          .filter(({ tableId }) => tableId < table.shown)
          .map(({ tableId, flow }) => `${tableId} ${flow?.priority} ${flow?.cookie}`)
        const { flows: said, isCut } = theirs(stdout, bytes.length)
        expect(said, `${port} ${hex}`).toEqual(isCut ? ours.slice(0, said.length) : ours)
        whole += Number(!isCut)
        asked++
        forwarded += Number(sent.length > 0)
      }),
      runs(100, 1000),
    )
    console.log(`${asked} random frames, ${forwarded} forwarded: the same flows in every table`)
    expect(forwarded).toBeGreaterThan(asked / 20)
    expect(whole).toBeGreaterThan(asked / 2)
  })

  interface Sent {
    readonly verdict: string
    readonly counted: readonly { host: string; flows: number; counted: number }[]
  }
  const sent = async (query: string): Promise<Sent> => {
    const answer = await fetchChecked(`${lab.url}/v1:trace?${query}`, { method: 'POST' })
    return (await answer.json()) as Sent
  }

  test('one that is dropped is counted each time, though it is shown to the controller once in seconds', async () => {
    for (let times = 0; times < 2; times++) {
      const { verdict, counted } = await sent('from=acme/vm41&to=acme/vm42&packetBytes=9001')
      expect(verdict).toBe('dropped')
      expect(counted).toHaveLength(1)
      const [at] = counted
      expect(at?.flows).toBeGreaterThan(1)
      expect(at?.counted).toBe(at?.flows)
    }
  })

  test('sends the packet for real, and every flow that it named counts it', async () => {
    const { verdict, counted } = await sent(
      'from=acme/vm41&to=acme/vm42&protocol=udp&port=53&packetBytes=9000',
    )
    expect(verdict).toBe('delivered')
    expect(counted.map(({ host }) => host)).toEqual(['h1', 'h2'])
    for (const { flows, counted: count } of counted) {
      expect(flows).toBeGreaterThan(3)
      expect(count).toBe(flows)
    }
  })
})

interface Met {
  readonly indent: number
  readonly flow: string
  readonly actions: string
}

/**
 * Table, priority and cookie of each flow of br-int that it met. Open vSwitch shows what lies behind a check_pkt_larger twice, for
 * packets that are larger (deeper) and for others (behind it): the one that this frame is in counts. Its groups that look at a
 * frame anew end the text.
 */
function theirs(said: string, frameBytes: number): { flows: string[]; isCut: boolean } {
  const [, body = ''] = said.split('bridge("br-int")')
  const [own = ''] = body.split(/\n(?:bridge\(|Final flow)/)
  const met: Met[] = withoutPatches(own)
    .split(/\n(?= *\d+\. )/)
    .flatMap((text) => {
      const head = /^( *)(\d+)\. .*?priority (\d+)(?:, cookie (0x[0-9a-f]+))?$/m.exec(text)
      if (!head) return []
      const [line, spaces = '', tableId = '', priority, cookie = '0'] = head
      const flow = `${tableId} ${priority} ${BigInt(cookie)}`
      return [{ indent: spaces.length + tableId.length, flow, actions: text.slice(line.length) }]
    })
  const taken = branch(met, frameBytes)
  return {
    flows: taken.map(({ flow }) => flow).filter((flow) => Number.parseInt(flow, 10) < table.shown),
    isCut: taken.some(({ actions }) => actions.includes('no live bucket')),
  }
}

/** What a frame meets in the bridges behind patch ports stands in between, deeper than what goes on here. */
function withoutPatches(text: string): string {
  let depth = Number.POSITIVE_INFINITY
  const kept = text.split('\n').filter((line) => {
    const indent = line.length - line.trimStart().length
    if (indent < depth) depth = Number.POSITIVE_INFINITY
    if (/^ *bridge\("/.test(line)) depth = Math.min(depth, indent)
    return indent < depth
  })
  return kept.join('\n')
}

function branch(met: readonly Met[], frameBytes: number): Met[] {
  const [first, ...rest] = met
  if (!first) return []
  const limit = /check_pkt_larger\((\d+)\)/.exec(first.actions)?.[1]
  if (limit === undefined) return [first, ...branch(rest, frameBytes)]
  const end = rest.findIndex(({ indent }) => indent <= first.indent)
  const larger = end < 0 ? rest : rest.slice(0, end)
  const others = end < 0 ? [] : rest.slice(end)
  return [first, ...branch(frameBytes > Number(limit) ? larger : others, frameBytes)]
}
