import { afterEach, beforeEach, expect, test } from 'vitest'
import { ethernet } from '../../../southbound/wire/ethernet.ts'
import { arpFrame } from '../../../southbound/wire/frame.ts'
import { apply, goto, output, quiet, set } from '../rig.ts'
import { A, B, echo, openScene, type Scene } from './scene.ts'

let h: Scene['h']
let one: Scene['one']
let two: Scene['two']
let three: Scene['three']
beforeEach(async () => {
  ;({ h, one, two, three } = await openScene())
})
afterEach(() => h.host.close())

test('a frame that no flow takes is dropped as no_flow', async () => {
  one.send(echo(8))
  await quiet()
  expect(h.host.drops.read()).toEqual({ no_flow: 1 })
})

test('the flow of higher priority wins, whatever the order of adding', async () => {
  await h.flow(0, 10, {}, [apply(output(2))])
  await h.flow(0, 20, { in_port: 1, eth_type: 0x0800, ipv4_dst: B.address }, [apply(output(3))])
  await h.flow(0, 15, { in_port: 1 }, [])
  one.send(echo(8))
  one.send(arpFrame({ op: 1, sha: A.mac, spa: 1, tha: 0, tpa: 2 }))
  await quiet()
  expect(three.received).toEqual([echo(8)])
  expect(two.received).toEqual([])
  expect(h.host.drops.read()).toEqual({ flow_no_output: 1 })
})

test('the action set runs last, in the order of the specification', async () => {
  await h.flow(0, 10, {}, [
    { kind: 'write_actions', actions: [output(2), set('eth_dst', 1)] },
    goto(1),
  ])
  await h.flow(1, 10, {}, [
    { kind: 'write_actions', actions: [set('eth_dst', 2), set('eth_src', 3)] },
    goto(2),
  ])
  await h.flow(2, 10, { eth_dst: B.mac }, [apply(output(3))])
  one.send(echo(8))
  await quiet()
  expect(ethernet.read(two.received[0]!, 0)).toEqual({ dst: 2, src: 3, type: 0x0800 })
  expect(three.received).toEqual([echo(8)])
  await h.flow(2, 10, {}, [{ kind: 'clear_actions' }])
  await h.flow(2, 10, { eth_dst: B.mac }, [{ kind: 'clear_actions' }])
  one.send(echo(8))
  await quiet()
  expect(two.received).toHaveLength(1)
})

test('metadata, registers and their wide views hold what was written', async () => {
  const metadata = 0x1234_5678_9abc_def0n
  await h.flow(0, 10, {}, [
    apply(
      {
        kind: 'load',
        dst: { field: 'xreg0', ofs: 0, n_bits: 64 },
        value: 0xaaaa_bbbb_cccc_ddddn,
      },
      {
        kind: 'move',
        src: { field: 'reg1', ofs: 8, n_bits: 16 },
        dst: { field: 'reg2', ofs: 4, n_bits: 16 },
      },
    ),
    { kind: 'write_metadata', metadata, metadata_mask: 0xffff_0000_0000_ffffn },
    goto(1),
  ])
  const match = {
    reg0: 0xaaaabbbb,
    reg1: [0xcccc0000, 0xffff0000],
    reg2: 0xcccdd0 & 0xffff0,
    metadata: 0x1234_0000_0000_def0n,
  } as const
  await h.flow(1, 10, match, [apply(output(2))])
  one.send(echo(8))
  await quiet()
  expect(two.received).toHaveLength(1)
})

test('resubmit comes back, and a loop of resubmits ends in a named drop', async () => {
  const resubmit = (table_id: number) => ({ kind: 'resubmit', in_port: 0xfff8, table_id }) as const
  await h.flow(0, 10, { eth_type: 0x0800 }, [apply(resubmit(3), output(3))])
  await h.flow(3, 10, {}, [apply(set('eth_dst', 9), output(2))])
  one.send(echo(8))
  await quiet()
  expect([two.received.length, three.received.length]).toEqual([1, 1])
  expect(ethernet.get.dst(three.received[0]!, 0)).toBe(9)
  await h.flow(3, 10, {}, [apply(resubmit(3), resubmit(3))])
  one.send(echo(8))
  await quiet()
  expect(h.host.drops.of('recursion_limit')).toBeGreaterThan(0)
  expect(h.host.drops.of('exception')).toBe(0)
})
