/**
 * What the lab sees of a machine's frames through its program there (far.ts), in a namespace instead of a virtual machine: the
 * session is `ssh` of a folder of the test's own, which starts that program here.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { addNamespaces, ipBatch, removeNamespaces } from '../../topologies/lab/netns/namespace.ts'
import { frameSender } from '../../topologies/lab/netns/raw-socket.ts'
import { type Machine, openMachine } from '../../topologies/lab/vagrant/machine.ts'
import { needs } from '../needs.ts'

const NAMESPACE = `wmach${process.pid}`
const PLACE = { namespace: NAMESPACE, device: 'lo' }
const FAR = fileURLToPath(new URL('../../topologies/lab/vagrant/far.ts', import.meta.url))
/** Each is seen twice on lo: as it leaves, and as it arrives. */
const WAYS = 2

describe('frames of a machine', needs('root', 'netns'), () => {
  let folder: string
  let machine: Machine
  let faults: string[]
  const closing: (() => void)[] = []

  beforeAll(async () => {
    await addNamespaces([NAMESPACE])
    await ipBatch(NAMESPACE, ['link set dev lo up'])
  })
  afterAll(() => removeNamespaces([NAMESPACE]))
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weft-machine-'))
    const ssh = join(folder, 'ssh')
    writeFileSync(ssh, `#!/bin/sh\necho $$ > ${folder}/pid\nexec ${process.execPath} ${FAR}\n`)
    chmodSync(ssh, 0o700)
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`)
    faults = []
    machine = await openMachine(
      'h1',
      { file: '', arguments: (name) => [name], close() {} },
      { onFault: ({ message }) => void faults.push(message) },
    )
  })
  afterEach(async () => {
    for (const close of closing.splice(0)) close()
    await machine.close()
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  })

  const tell = (signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL') =>
    process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), signal)
  const frame = new Uint8Array(60)
  frame.set([0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5])
  const send = (count: number) => {
    const sender = frameSender(PLACE)
    closing.push(() => sender.close())
    for (let sent = 0; sent < count; sent++) sender.send(frame)
  }
  const watch = () => {
    let count = 0
    const open = machine.watch(PLACE)(() => void count++)
    return { open, seen: () => count }
  }

  test('what was on the wire before a watch is closed is seen, more than one reading', async () => {
    const { open, seen } = watch()
    await open.ready
    tell('SIGSTOP')
    send(2000)
    const closed = open.close()
    tell('SIGCONT')
    await closed
    expect({ seen: seen(), lost: open.lost }).toEqual({ seen: 2000 * WAYS, lost: 0 })
    await open.close()
  })

  test('what the kernel had no room for is counted', async () => {
    const { open, seen } = watch()
    await open.ready
    tell('SIGSTOP')
    send(120_000)
    tell('SIGCONT')
    await open.close()
    expect(open.lost).toBeGreaterThan(0)
    expect(seen() + open.lost).toBe(120_000 * WAYS)
  })

  test('one that is closed before it sees anything ends as soon as the machine answers', async () => {
    tell('SIGSTOP')
    const { open } = watch()
    const closed = open.close()
    expect(await Promise.race([closed, sleep(300, 'it waits')])).toBe('it waits')
    tell('SIGCONT')
    await closed
    await open.ready
  })

  test('a device that is not there, and a session that ends, are said', async () => {
    const none = machine.watch({ ...PLACE, device: 'none' })(() => {})
    await expect(none.ready).rejects.toThrow(`h1: no interface none in namespace ${NAMESPACE}`)
    await none.close()
    const { open } = watch()
    await open.ready
    tell('SIGKILL')
    await expect(open.failed).rejects.toThrow('h1: its session has ended')
    await open.close()
    expect(faults).toEqual(['h1: its session has ended'])
    await expect(watch().open.ready).rejects.toThrow('its session has ended')
  })

  test('a tap that is closed is closed there too', async () => {
    const sockets = () => machine.run(['ip', 'netns', 'exec', NAMESPACE, 'cat', '/proc/net/packet'])
    const before = await sockets()
    const heard: Uint8Array[] = []
    const place = { namespace: NAMESPACE, devices: ['lo'], leaving: true }
    const close = await machine.tap(place, (each) => void heard.push(each))
    expect(await sockets()).not.toEqual(before)
    send(1)
    await vi.waitFor(() => expect(heard).toHaveLength(1))
    close()
    close()
    closing.pop()?.()
    expect(await sockets()).toEqual(before)
  })
})
