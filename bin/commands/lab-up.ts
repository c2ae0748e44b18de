/** `weft lab up`: a lab in a process of its own, or (`--foreground`) in this one. Neighbours: lab-run-options.ts, ../lab/. */
import type { TopologyDocument } from '../../controller/model/document.ts'
import { stepsTo } from '../../topologies/lab/report.ts'
import type { Backend } from '../lab/control-schema.ts'
import { runLab, type Told } from '../lab/lab-process.ts'
import { checkBackend } from '../lab/open-lab.ts'
import { checkName, LabError, runningLabs } from '../lab/run-folder.ts'
import { startLab } from '../lab/start-lab.ts'
import { readTopology } from '../lab/topology.ts'

export interface LabUpOptions {
  readonly backend: Backend
  readonly name?: string
  readonly tls: boolean
  readonly foreground: boolean
  readonly signal: AbortSignal
}

/** @returns the exit code: 0 when the lab is up (`--foreground`: was up) */
export async function labUp(file: string | undefined, options: LabUpOptions): Promise<number> {
  const { backend, tls, foreground, signal } = options
  const topology = readTopology(file)
  const { document, text, digest, documentFile } = topology
  const name = checkName(options.name ?? document.name)
  const print = (line: string) => process.stdout.write(`${line}\n`)
  const running = (await runningLabs()).find((lab) => lab.name === name)
  if (running) {
    const isSame = running.digest === digest && running.backend === backend && running.tls === tls
    if (!isSame || !running.url) throw new LabError(otherOf(running))
    print(`Lab ${name} is up, since ${running.since}.`)
    for (const line of whatNext(name, running.url, document)) print(line)
    return 0
  }
  checkBackend(backend, document)
  print(`Weft: ${document.name} on the ${backend} lab${tls ? ' over TLS' : ''}`)
  const step = stepsTo(print, () => performance.now())
  if (!foreground) {
    const path = documentFile ?? '-'
    const args = [path, '--backend', backend, '--name', name, ...(tls ? ['--tls'] : [])]
    await startLab({ args, text: documentFile === undefined ? text : '', step, signal })
    const [lab] = (await runningLabs()).filter((each) => each.name === name)
    for (const line of whatNext(name, lab?.url ?? '', document)) print(line)
    return 0
  }
  using starter = starterOf()
  await runLab({
    ...{ name, backend, tls, document, text, digest, file: documentFile ?? '-' },
    signal: AbortSignal.any([signal, starter.gone]),
    step(line) {
      step(line)
      starter.tell({ kind: 'step', text: line })
    },
    onUp({ url }) {
      starter.tell({ kind: 'up' })
      for (const line of whatNext(name, url, document)) print(line)
      print('Ctrl-C ends the lab, or weft lab down.')
    },
  })
  return 0
}

/** `weft lab up` at the other end of a channel; without one nobody is told. */
function starterOf(): Disposable & { tell(told: Told): void; readonly gone: AbortSignal } {
  const gone = new AbortController()
  let isUp = false
  const leave = () => {
    if (!isUp) gone.abort(new Error('whoever has started the lab has gone'))
  }
  if (process.send) process.once('disconnect', leave)
  return {
    gone: gone.signal,
    tell(told) {
      isUp ||= told.kind === 'up'
      // One that has just gone is no error; leave() is told.
      if (process.connected) process.send?.(told, undefined, {}, () => {})
    },
    // An open channel keeps both ends alive.
    [Symbol.dispose]() {
      process.off('disconnect', leave)
      if (process.connected) process.disconnect()
    },
  }
}

function otherOf({ name, backend, document, file, url, pid }: Parameters<typeof stateOf>[0]) {
  return `lab ${name} ${stateOf({ name, backend, document, file, url, pid })}`
}

const stateOf = (lab: {
  readonly name: string
  readonly backend: Backend
  readonly document: string
  readonly file: string
  readonly url?: string | undefined
  readonly pid: number
}): string => {
  if (lab.url === undefined) return `is coming up or going down already (process ${lab.pid})`
  const what = `runs already, with ${lab.document} of ${lab.file} as it was, on the ${lab.backend} lab`
  return `${what}: weft lab down ${lab.name} ends it, --name gives another one a name`
}

/** What to type now. */
function whatNext(name: string, url: string, { workloads, tenants }: TopologyDocument): string[] {
  const [first, ...others] = Object.entries(workloads)
  const lines = [
    '',
    `REST is at ${url}/v1 (${url}/openapi.json)`,
    '',
    `  weft lab status ${name}`,
    `  export WEFT_CONTROLLER=${url}    # for weft get, trace, flows, doctor`,
  ]
  if (first) {
    const [guest, port] = first
    const [tenant = ''] = port.split('/')
    const peer = others.find(([, other]) => other.startsWith(`${tenant}/`))?.[1].split('/')[1] ?? ''
    const address = tenants[tenant]?.ports?.[peer]?.addresses.find((each) => !each.includes(':'))
    const does = address === undefined ? 'ip addr' : `ping -c 3 ${address}`
    lines.push(`  weft lab exec --name ${name} ${guest} -- ${does}`)
    lines.push(`  weft lab capture --name ${name} ${guest} underlay -w - | tshark -r -`)
  }
  return [...lines, `  weft lab test ${name}`, `  weft lab down ${name}`]
}
