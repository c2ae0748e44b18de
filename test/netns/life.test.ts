/** That a netns lab leaves nothing on the machine, whatever ends it, and never touches another lab. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { namespacesNamed, processesIn } from '../../topologies/lab/netns/namespace.ts'
import { run } from '../../topologies/lab/netns/run.ts'
import { openSite } from '../../topologies/lab/netns/site.ts'
import { deadLabs } from '../../topologies/lab/netns/state.ts'
import { needs } from '../needs.ts'
import { handMadeDocument, openHandMadeSite } from './hand-made.ts'

const needed = needs('root', 'netns', 'ovs', 'iproute2', 'ethtool', 'ping')
const portUuid = async (): Promise<string> => 'unused'

/** Run directories, namespaces and interfaces of the machine that a lab could have made. */
async function traces(): Promise<string[]> {
  const links = (await run(['ip', '-br', 'link'])).stdout
    .split('\n')
    .map((line) => line.split(' ')[0])
  const directories = readdirSync(tmpdir()).filter((name) => /^weft-([0-9a-f]{6}|new-)/.test(name))
  return [...links, ...directories, ...namespacesNamed('weft-')].map(String).sort()
}

/** Ids in names of namespaces that no run directory accounts for. */
function orphans(): string[] {
  const directories = readdirSync(tmpdir())
  const ids = namespacesNamed('weft-').flatMap(
    (name) => /^weft-([0-9a-f]{6})-/.exec(name)?.[1] ?? [],
  )
  return [...new Set(ids)].filter((id) => !directories.includes(`weft-${id}`))
}

/** Traces that were not there before; labs of others may come and go meanwhile. */
async function newTraces(before: readonly string[], id: string): Promise<string[]> {
  return (await traces()).filter((name) => !before.includes(name) && name.includes(id))
}

describe('the life of a netns lab', needed, () => {
  afterEach(() => vi.unstubAllEnvs())

  test('two labs run side by side with the same addresses, and closing one leaves the other', async () => {
    const before = await traces()
    const [first, second] = await Promise.all([openHandMadeSite(), openHandMadeSite()])
    try {
      expect(first.plan.id).not.toBe(second.plan.id)
      for (const site of [first, second]) {
        const [vm1, vm2] = [site.workloads.get('h1.vm1')!, site.workloads.get('h2.vm2')!]
        expect(await vm1.ping(vm2.address, { bytes: 8972, timeoutMs: 500 })).toBe(true)
      }
      await first.close()
      await first.close()
      expect(await newTraces(before, first.plan.id)).toEqual([])
      const [vm1, vm2] = [second.workloads.get('h1.vm1')!, second.workloads.get('h2.vm2')!]
      expect(await vm1.ping(vm2.address, { bytes: 56, timeoutMs: 500 })).toBe(true)
    } finally {
      await Promise.all([first.close(), second.close()])
    }
    expect(await newTraces(before, second.plan.id)).toEqual([])
  })

  test('what a killed lab left is removed by the next one, with all its processes', async () => {
    // Labs of other tests come up meanwhile, and would remove it first.
    const own = mkdtempSync(join(tmpdir(), 'weft-test-'))
    vi.stubEnv('TMPDIR', own)
    const program = fileURLToPath(new URL('./abandoned.ts', import.meta.url))
    const lab = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [said] = (await once(lab.stdout, 'data')) as [Buffer]
    const id = said.toString().trim()
    const namespaces = namespacesNamed(`weft-${id}-`)
    expect(namespaces.length).toBe(8)
    // Two ovsdb-server, two ovs-vswitchd and the ping, once it has entered its guest.
    await vi.waitFor(() => expect(processesIn(namespaces)).toHaveLength(5), 5000)
    expect(deadLabs().map((dead) => dead.id)).not.toContain(id)
    lab.kill('SIGKILL')
    await once(lab, 'exit')
    expect(deadLabs().map((dead) => dead.id)).toContain(id)
    // All without a parent now.
    const pids = processesIn(namespaces)
    expect(pids).toHaveLength(5)

    const steps: string[] = []
    const document = { ...handMadeDocument, workloads: {} }
    const next = await openSite({ document, portUuid, step: (text) => steps.push(text) })
    await next.close()
    expect(steps.join()).toContain(id)
    expect(namespacesNamed(`weft-${id}-`)).toEqual([])
    expect(readdirSync(own)).toEqual([])
    vi.unstubAllEnvs()
    rmSync(own, { recursive: true })
    expect(processesIn(namespaces)).toEqual([])
    for (const pid of pids) expect(existsSync(`/proc/${pid}/ns/net`) && pid).toBe(false)
  })

  test('a lab that fails half way or is aborted leaves nothing', async () => {
    const before = orphans()
    const own = mkdtempSync(join(tmpdir(), 'weft-test-'))
    vi.stubEnv('TMPDIR', own)
    const document = { ...handMadeDocument, underlay: { mtuBytes: 70_000 } }
    await expect(openSite({ document, portUuid })).rejects.toThrow('70000')
    const reason = new Error('stopped by SIGINT')
    for (const afterMs of [0, 20, 60]) {
      const stop = new AbortController()
      const opening = openSite({ document: handMadeDocument, portUuid, signal: stop.signal })
      setTimeout(() => stop.abort(reason), afterMs)
      const site = await opening.catch((error: unknown) => error)
      if (site !== reason) await (site as Awaited<typeof opening>).close()
    }
    expect(readdirSync(own)).toEqual([])
    vi.unstubAllEnvs()
    rmSync(own, { recursive: true })
    expect(orphans().filter((id) => !before.includes(id))).toEqual([])
  })
})
