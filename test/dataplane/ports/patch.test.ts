import { expect, test } from 'vitest'
import { patchPanel } from '../../../dataplane/ports/patch.ts'
import { addBridge, addPort } from '../../../dataplane/switch/operator.ts'
import { addFlow, apply, connect, output, quiet, startHost } from '../rig.ts'

test('two patch ports that name each other are up, and a frame crosses within the call', () => {
  const panel = patchPanel()
  const a = panel.open('a', 'b')
  const states: boolean[] = []
  a.onState(() => void states.push(a.up))
  expect(a.up).toBe(false)
  panel.open('c', 'a')
  expect(a.up).toBe(false)
  const b = panel.open('b', 'a')
  expect([a.up, b.up]).toEqual([true, true])
  const got: number[] = []
  b.onReceive((_, start, end) => void got.push(end - start))
  a.transmit(new Uint8Array(60), 0, 60)
  expect(got).toEqual([60])
  b.close()
  a.transmit(new Uint8Array(60), 0, 60)
  expect(a.counters).toMatchObject({ txFrames: 1, txDropped: 1 })
  expect(states).toEqual([true, false])
})

test('a frame crosses from bridge to bridge; a loop of bridges ends as recursion_limit', async () => {
  const h1 = await startHost('h1')
  addBridge(h1.host, 'br-ext')
  addPort(h1.host, 'br-int', 'p0', { type: 'patch', options: { peer: 'p1' }, ofport_request: 10 })
  addPort(h1.host, 'br-ext', 'p1', { type: 'patch', options: { peer: 'p0' }, ofport_request: 20 })
  const external = await connect(await h1.host.whenBridge('br-ext', AbortSignal.timeout(1000)))
  const vm = h1.plug('vm', 1)
  await quiet(5)
  await h1.flow(0, 1, { in_port: 1 }, [apply(output(10))])
  await h1.flow(0, 1, { in_port: 10 }, [apply(output(1))])
  // What comes to br-ext goes back at once.
  void external.send(addFlow(0, 1, { in_port: 20 }, [apply(output(0xfffffff8))]))
  await external.barrier()
  const frame = new Uint8Array(60).fill(2)
  vm.send(frame)
  await quiet()
  expect(vm.received).toEqual([frame])
  await h1.flow(0, 2, { in_port: 10 }, [apply(output(0xfffffff8))])
  vm.send(frame)
  await quiet()
  expect(h1.host.drops.read()).toEqual({ recursion_limit: 1 })
  h1.host.close()
})

test('what one frame causes through patch ports is bounded in all, not by depth alone', async () => {
  const h1 = await startHost('h1')
  addBridge(h1.host, 'br-ext')
  const patch = (peer: string, ofport_request: number) =>
    ({ type: 'patch', options: { peer }, ofport_request }) as const
  for (let i = 1; i <= 4; i++) {
    addPort(h1.host, 'br-int', `a${i}`, patch(`b${i}`, i))
    addPort(h1.host, 'br-ext', `b${i}`, patch(`a${i}`, i))
  }
  const ext = await h1.host.whenBridge('br-ext', AbortSignal.timeout(1000))
  const external = await connect(ext)
  const vm = h1.plug('vm', 99)
  await quiet(5)
  const flood = [apply(output(0xfffffffb))]
  void external.send(addFlow(0, 1, {}, flood))
  await external.barrier()
  await h1.flow(0, 1, {}, flood)
  const lookups = () => h1.bridge.flows.counts[0]!.lookups + ext.flows.counts[0]!.lookups
  for (const frames of [1, 2]) {
    vm.send(new Uint8Array(60).fill(0xff))
    await quiet()
    expect(lookups()).toBe(frames * 4096)
  }
  expect(h1.host.drops.read().recursion_limit).toBeGreaterThan(0)
  h1.host.close()
})
