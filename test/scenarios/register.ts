/** Runs all scenarios on one kind of lab, those of a topology one after the other on the same lab. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import { ARP_REQUEST } from '../../southbound/wire/arp.ts'
import { arpFrame } from '../../southbound/wire/frame.ts'
import type { Lab } from '../../topologies/lab/lab.ts'
import { openMemoryLab } from '../../topologies/lab/memory/lab.ts'
import { openNetnsLab } from '../../topologies/lab/netns/lab.ts'
import { openVagrantLab } from '../../topologies/lab/vagrant/lab.ts'
import { scenariosOf, topologies } from '../../topologies/scenarios/all.ts'
import { openScenario } from '../../topologies/scenarios/open-scenario.ts'
import type { Scenario } from '../../topologies/scenarios/scenario.ts'
import { fetchLab } from '../controller/northbound/schemas.ts'
import { needs } from '../needs.ts'
import { labSeed } from '../random.ts'

const TIMEOUT_MS = { memory: 20_000, netns: 90_000, vagrant: 600_000 } as const
/** For a lab to come up. */
const OPEN_MS = { memory: 60_000, netns: 60_000, vagrant: 900_000 } as const

const seed = labSeed()
/** All scenarios of a topology are run again: each finds the lab as those before have left it. */
const replayOf = (topology: string): string =>
  `WEFT_SEED=${seed} npx vitest run -c test/vitest.config.ts test/scenarios/memory.test.ts -t '${topology} on the memory lab'`

export function registerScenarios(backend: Lab['backend']): void {
  for (const topology of topologies) {
    // The machines are those of the Vagrantfile.
    if (backend === 'vagrant' && topology !== 'mixed') continue
    const own = scenariosOf(topology)
    const runs = own.some(({ not }) => not?.[backend] === undefined)
    describe(`${topology} on the ${backend} lab`, labNeeds(backend, topology), () => {
      let lab: Lab
      beforeAll(async () => {
        if (!runs) return
        lab = await open(backend, topology)
        announce(lab)
      }, OPEN_MS[backend] + 30_000)
      afterAll(() => lab?.close())
      for (const scenario of own) register(scenario, { backend, topology, lab: () => lab })
    })
  }
}

interface Run {
  readonly backend: Lab['backend']
  /** Scenarios of one run on others, too. */
  readonly topology: string
  readonly lab: () => Lab
}

function register(scenario: Scenario, { backend, topology, lab }: Run): void {
  const why = scenario.not?.[backend]
  const needed = needs(...(scenario.needs ?? []))
  const options = why === undefined ? needed : { skip: true, meta: { reason: why } }
  const { timeoutMs = 0 } = scenario
  const timeout = backend === 'vagrant' ? TIMEOUT_MS.vagrant : timeoutMs || TIMEOUT_MS[backend]
  test(scenario.name, { ...options, timeout }, async ({ signal, onTestFailed }) => {
    // One that took too long has thrown nothing.
    onTestFailed(({ task }) => {
      if (backend !== 'memory') return
      for (const error of task.result?.errors ?? [])
        error.message += `\nagain: ${replayOf(topology)}`
    })
    const seen = openScenario(lab(), signal, (path, init) => fetchLab(lab(), path, init))
    try {
      await scenario.run(seen)
    } finally {
      seen.close()
    }
  })
}

/** As guests do when they start: a bridge floods what is for a MAC that it has never heard. */
function announce({ workloads }: Lab): void {
  for (const { mac, address, send } of workloads.values())
    send(arpFrame({ op: ARP_REQUEST, sha: mac, spa: address, tha: 0, tpa: address }))
}

function labNeeds(backend: Lab['backend'], topology: string) {
  if (backend === 'memory') return needs()
  if (backend === 'vagrant') return needs('vagrant')
  const hosts = Object.values(documentOf(topology).hosts)
  const vtep = hosts.some(({ kind }) => kind === 'vtep') ? (['vtep', 'nft'] as const) : []
  return needs('root', 'netns', 'ovs', 'iproute2', 'ethtool', 'ping', ...vtep)
}

const fileOf = (topology: string): string =>
  fileURLToPath(new URL(`../../topologies/${topology}.yaml`, import.meta.url))

const documentOf = (topology: string) =>
  parseDocument(readFileSync(fileOf(topology), 'utf8'), `${topology}.yaml`)

function open(backend: Lab['backend'], topology: string): Promise<Lab> {
  const document = documentOf(topology)
  const signal = AbortSignal.timeout(OPEN_MS[backend])
  const documentFile = fileOf(topology)
  if (backend === 'vagrant') {
    const step = (text: string) => void process.stdout.write(`${text}\n`)
    return openVagrantLab({ document, text: readFileSync(documentFile, 'utf8'), signal, step })
  }
  return backend === 'memory'
    ? openMemoryLab({ document, signal, seed, replay: replayOf(topology) })
    : openNetnsLab({ document, documentFile, signal })
}
