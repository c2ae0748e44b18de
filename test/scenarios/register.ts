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
import { scenarios } from '../../topologies/scenarios/all.ts'
import { openScenario } from '../../topologies/scenarios/open-scenario.ts'
import type { Scenario } from '../../topologies/scenarios/scenario.ts'
import { fetchLab } from '../controller/northbound/schemas.ts'
import { needs } from '../needs.ts'

const TIMEOUT_MS = { memory: 20_000, netns: 90_000 } as const

export function registerScenarios(backend: Lab['backend']): void {
  for (const [topology, own] of Map.groupBy(scenarios, (scenario) => scenario.topology)) {
    const runs = own.some(({ not }) => not?.[backend] === undefined)
    describe(`${topology} on the ${backend} lab`, labNeeds(backend, topology), () => {
      let lab: Lab
      beforeAll(async () => {
        if (!runs) return
        lab = await open(backend, topology)
        announce(lab)
      })
      afterAll(() => lab?.close())
      for (const scenario of own) register(scenario, backend, () => lab)
    })
  }
}

function register(scenario: Scenario, backend: Lab['backend'], lab: () => Lab): void {
  const why = scenario.not?.[backend]
  const needed = needs(...(scenario.needs ?? []))
  const options = why === undefined ? needed : { skip: true, meta: { reason: why } }
  const timeout = scenario.timeoutMs ?? TIMEOUT_MS[backend]
  test(scenario.name, { ...options, timeout }, async ({ signal }) => {
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
  const signal = AbortSignal.timeout(60_000)
  const documentFile = fileOf(topology)
  return backend === 'memory'
    ? openMemoryLab({ document, signal })
    : openNetnsLab({ document, documentFile, signal })
}
