/**
 * One run of a memory lab with a seed, traced: `node traced-run.ts SEED FILE`. All kinds of host, links that lose and delay,
 * every check, and every fault that a document can have while guests ping. Neighbour: seed.test.ts compares what it writes.
 */
import { readFileSync } from 'node:fs'
import { argv, exit } from 'node:process'
import { parseDocument } from '../../controller/model/document.ts'
import { runChecks, summarize } from '../../topologies/lab/checks/checks.ts'
import { openMemoryLab } from '../../topologies/lab/memory/lab.ts'

const LAB = `
lab:
  underlay:
    links:
      h1-underlay: { ends: [h1, underlay], delayMs: 0.3 }
      h2-underlay: { ends: [h2, underlay], delayMs: 0.2, rateBitsPerSecond: 1000000000 }
  events:
    - { atMs: 2000, control: h2, delayMs: 40 }
    - { atMs: 2500, host: h2, is: down }
    - { atMs: 3000, link: h1, is: down }
    - { atMs: 3500, link: h1, is: up }
    - { atMs: 4000, host: h2, is: up }
    - { atMs: 4500, host: h3, is: down }
    - { atMs: 5000, controller: down }
    - { atMs: 5500, host: h3, is: up }
    - { atMs: 6500, controller: up }
    - { atMs: 8000, control: h1, is: down }
    - { atMs: 9000, control: h1, is: up }
`
const LAST_MS = 12_000

const [, , seed, trace] = argv
const yaml = readFileSync(new URL('../../topologies/three-kinds.yaml', import.meta.url), 'utf8')
const document = parseDocument(yaml.replace(/^lab:\n/m, LAB.trimStart()), 'three-kinds.yaml')
const signal = AbortSignal.timeout(120_000)
const lab = await openMemoryLab({ document, seed: Number(seed), trace, signal })
const began = lab.clock.now()
const results = await runChecks(lab, { signal })
const { passed, failed } = summarize(results)
if (failed > 0 || passed === 0) throw new Error(JSON.stringify(results))

const guest = (name: string) => {
  const found = lab.workloads.get(name)
  if (!found) throw new Error(`no guest ${name}`)
  return found
}
const [from, near, far] = [guest('h1.acme-vm1'), guest('h2.acme-vm2'), guest('h3.acme-vm3')]
let answers = ''
while (lab.clock.now() - began < LAST_MS) {
  for (const to of [near, far])
    answers += (await from.ping(to.address, { bytes: 56, timeoutMs: 200 })) ? '!' : '.'
  await lab.clock.sleep(300)
}
await lab.whenRealized(signal)
await lab.close()
// The last pings are answered, some were not.
if (!/\..*!!$/.test(answers)) throw new Error(`pings: ${answers}`)
console.log(answers)
exit(0)
