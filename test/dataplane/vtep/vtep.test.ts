import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { caseRows, frameCases, type GuestName } from '../../southbound/agent/frame-cases.ts'
import { type MemoryVtepSite, openMemoryVtepSite } from './site.ts'

const portOf = { g1: 'vm1', g2: 'vm2', g3: 'vm3' } as const

describe('rows on our own switch', () => {
  let site: MemoryVtepSite
  beforeAll(async () => {
    site = await openMemoryVtepSite()
    await site.write('h1', ...caseRows.h1)
    await site.write('h2', ...caseRows.h2)
  })
  afterAll(() => site.close())

  /** `weft-dropped-*` of a guest's port. */
  const dropped = (guest: GuestName, reason: string): number => {
    const host = site.hosts[guest === 'g1' ? 'h1' : 'h2']
    const rows = [...host.agent.database.table('Physical_Port').values()]
    const row = rows.find(({ name }) => name === portOf[guest])
    return Number(row?.other_config[`weft-dropped-${reason}`] ?? 0)
  }

  test.each(frameCases)('$name', async (of) => {
    const mark = Buffer.from(`mark ${Math.random()} of this frame`)
    const frame = of.frame(mark)
    const before = of.drop === undefined ? 0 : dropped(of.from, of.drop)
    const seen = await arriving(site, () => site.guests[portOf[of.from]]?.send(frame))
    const tell = of.tell?.(frame) ?? mark
    const { answer } = of
    const isIt = (bytes: Uint8Array) => Buffer.from(bytes).includes(Buffer.from(tell))
    const found = Object.entries(seen).flatMap(([name, frames]) =>
      frames.filter((bytes) => isIt(bytes) && name !== of.from).map((bytes) => [name, bytes]),
    )
    const expected = of.as?.(mark) ?? frame
    expect(found).toEqual((of.at ?? []).map((name) => [name, Uint8Array.from(expected)]))
    const back = seen[of.from].map((bytes) => bytes.subarray(0, answer?.length ?? 0))
    expect(back).toEqual(answer ? [answer] : [])
    if (of.drop === undefined) return
    await site.settle(6000)
    expect(dropped(of.from, of.drop)).toBe(before + 1)
  })
})

async function arriving(
  site: MemoryVtepSite,
  send: () => void,
): Promise<Record<GuestName, Uint8Array[]>> {
  const seen: Record<GuestName, Uint8Array[]> = { g1: [], g2: [], g3: [] }
  const stops = (['g1', 'g2', 'g3'] as const).map((name) =>
    site.guests[portOf[name]]?.onFrame((frame) => void seen[name].push(frame)),
  )
  send()
  await site.settle()
  for (const stop of stops) stop?.()
  return seen
}
