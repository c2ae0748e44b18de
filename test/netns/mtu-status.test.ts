/** The MTU that the underlay really has, as tenants see it: an interface that a host reports, a path that probes find. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MtuStatus } from '../../controller/northbound/realization.ts'
import type { NetnsLab } from '../../topologies/lab/netns/lab.ts'
import { runIn } from './run-in.ts'
import { events, eventually, get, needed, openTwoTenants } from './site-under-test.ts'

const WELL = { configured: 9000, effective: 9000, limitedBy: [] }

describe('the MTU of a network on Open vSwitch hosts', needed, () => {
  let lab: NetnsLab
  beforeAll(async () => {
    if (!needed.skip) lab = await openTwoTenants()
  }, 60_000)
  afterAll(() => lab?.close())

  const mtuOf = async (path: string) =>
    (await get<{ status: { mtu: MtuStatus } }>(lab, `/v1/tenants/acme/${path}`)).status.mtu
  const whenMtu = (what: string, withinMs: number, is: (mtu: MtuStatus) => boolean) =>
    eventually(what, withinMs, async () => {
      const mtu = await mtuOf('networks/web')
      return is(mtu) ? mtu : undefined
    })
  const isWell = ({ effective }: MtuStatus) => effective === 9000
  const eventTypes = async () => (await events(lab)).map(({ type }) => type)

  test('a healthy site has what it was asked for, also after a round of probes', async () => {
    expect(await mtuOf('networks/web')).toEqual(WELL)
    const flow = ['dump-flows', 'br-int', 'table=2,reg1=0']
    await eventually('a probe of h1 is seen by h2', 15_000, async () =>
      /n_packets=[1-9]/.test((await lab.host('h2').ofctl(flow)).stdout) ? true : undefined,
    )
    expect(await mtuOf('networks/web')).toEqual(WELL)
    expect(await mtuOf('ports/vm1')).toEqual(WELL)
  }, 20_000)

  test('the MTU of a NIC is lowered: the status names the interface within 5 s', async () => {
    const set = (bytes: number) =>
      lab.host('h1').exec(['ip', 'link', 'set', 'phy0', 'mtu', `${bytes}`])
    await set(8000)
    const mtu = await whenMtu('phy0 of h1 is named', 5000, (each) => !isWell(each))
    expect(mtu).toEqual({
      configured: 9000,
      effective: 7950,
      limitedBy: [
        {
          kind: 'interface',
          host: 'h1',
          interface: 'phy0',
          mtuBytes: 8000,
          packetBytes: 7950,
          message: 'interface phy0 of host h1 carries 8000 bytes, and 9050 are needed',
        },
      ],
    })
    expect(await mtuOf('ports/vm2')).toEqual(mtu)
    expect(await eventTypes()).toContain('mtu_limited')
    await set(9050)
    await whenMtu('all is well again', 15_000, isWell)
    expect(await eventTypes()).toContain('mtu_restored')
  }, 30_000)

  test('the MTU of a link between hosts is lowered: the VTEPs and the largest size are named within 15 s', async () => {
    const { underlayPort } = lab.host('h1').plan
    const set = (bytes: number) =>
      runIn(`weft-${lab.id}-underlay`, ['ip', 'link', 'set', underlayPort, 'mtu', `${bytes}`])
    await set(8500)
    const mtu = await whenMtu(
      'both directions are named',
      15_000,
      (each) => each.limitedBy.length > 1,
    )
    const paths = mtu.limitedBy.map((limit) => ({ ...limit, message: '' }))
    const [there, back] = [
      { from: 'h1', to: 'h2', vteps: ['192.0.2.11', '192.0.2.12'] },
      { from: 'h2', to: 'h1', vteps: ['192.0.2.12', '192.0.2.11'] },
    ]
    for (const path of [there, back])
      expect(paths).toContainEqual({
        kind: 'path',
        ...path,
        message: '',
        packetBytes: expect.any(Number),
      })
    // What the link really carries is asked with a workload's own ping.
    const passing = mtu.effective
    const ping = (bytes: number) =>
      lab.workload('h1.acme-vm1').ping(lab.workload('h2.acme-vm2').address, {
        bytes: bytes - 28,
        timeoutMs: 1000,
      })
    expect(await ping(passing)).toBe(true)
    expect(await ping(passing + 1)).toBe(false)
    await set(9050)
    await whenMtu('all is well again', 15_000, isWell)
  }, 40_000)
})
