/** The cases of frame-cases.ts on kernel bridges. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OvsdbClient } from '../../southbound/ovsdb/client.ts'
import type { Operation } from '../../southbound/ovsdb/operation.ts'
import { hardwareVtep } from '../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { dial } from '../../southbound/wire/stream.ts'
import { frameSender, frameTap } from '../../topologies/lab/netns/raw-socket.ts'
import { needs } from '../needs.ts'
import { caseRows, frameCases, type GuestName } from '../southbound/agent/frame-cases.ts'
import { type AgentHost, type AgentSite, openAgentSite, ping, until } from './agent-site.ts'

const NAMES = ['g1', 'g2', 'g3'] as const
const SETTLE_MS = 150

async function write(host: AgentHost, rows: readonly Operation[]): Promise<void> {
  const signal = AbortSignal.timeout(10_000)
  const stream = await dial(host.target, { signal })
  const client = await OvsdbClient.open(stream, { signal })
  await client.transact(hardwareVtep, rows, { signal })
  client.close()
}

describe(
  'rows on kernel bridges',
  needs('root', 'netns', 'iproute2', 'nft', 'vtep', 'ping'),
  () => {
    let site: AgentSite
    beforeAll(async () => {
      // Guests may send more than their network's MTU.
      site = await openAgentSite({ mtu: 9100 })
      const { h1, h2 } = site.hosts
      await Promise.all([h1.start(), h2.start()])
      await write(h1, caseRows.h1)
      await write(h2, caseRows.h2)
      const { g1, g2 } = site.guests
      await until(
        'guests reach each other',
        async () => (await ping(g1, g2.address)).received === 1,
      )
    })
    afterAll(() => site?.close())

    const dropped = async (guest: GuestName, reason: string): Promise<number> => {
      const host = site.hosts[guest === 'g1' ? 'h1' : 'h2']
      const text = await host.vtep(`get Physical_Port ${site.guests[guest].port} other_config`)
      return Number(new RegExp(`weft-dropped-${reason}="(\\d+)"`).exec(text)?.[1] ?? 0)
    }

    async function arriving(send: () => void): Promise<Record<GuestName, Uint8Array[]>> {
      const seen: Record<GuestName, Uint8Array[]> = { g1: [], g2: [], g3: [] }
      const taps = NAMES.map((name) => {
        const tap = frameTap(site.guests[name].namespace, ['eth0'])
        tap.onFrame((frame) => void seen[name].push(frame))
        return tap
      })
      send()
      await delay(SETTLE_MS)
      for (const tap of taps) tap.close()
      return seen
    }

    // Namespaces of the site have no IPv6.
    test.each(frameCases.filter(({ takesIpv6 }) => !takesIpv6))('$name', async (of) => {
      const mark = Buffer.from(`mark ${Math.random()} of this frame`)
      const frame = of.frame(mark)
      const counted = of.drop
      const before = counted === undefined ? 0 : await dropped(of.from, counted)
      const sender = frameSender({ namespace: site.guests[of.from].namespace, device: 'eth0' })
      const seen = await arriving(() => sender.send(frame))
      sender.close()
      const tell = Buffer.from(of.tell?.(frame) ?? mark)
      const found = NAMES.filter((name) => name !== of.from).flatMap((name) =>
        seen[name]
          .filter((bytes) => Buffer.from(bytes).includes(tell))
          .map((bytes) => [name, Buffer.from(bytes).toString('hex')]),
      )
      const expected = Buffer.from(of.as?.(mark) ?? frame).toString('hex')
      expect(found).toEqual((of.at ?? []).map((name) => [name, expected]))
      const { answer } = of
      if (answer) {
        const back = seen[of.from].map((bytes) => Buffer.from(bytes).subarray(0, answer.length))
        expect(back.map((bytes) => bytes.toString('hex'))).toContain(
          Buffer.from(answer).toString('hex'),
        )
      }
      if (counted === undefined) return
      await until('the drop is reported', async () => (await dropped(of.from, counted)) > before)
      expect(await dropped(of.from, counted)).toBe(before + 1)
    })
  },
)
