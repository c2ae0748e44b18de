/** `weft lab`: a topology brought up, checked on real packets, served. Neighbours: ../weft.ts, ../../topologies/lab. */
import { once } from 'node:events'
import { runChecks, summarize } from '../../topologies/lab/checks/checks.ts'
import type { Lab } from '../../topologies/lab/lab.ts'
import type { NetnsLab } from '../../topologies/lab/netns/lab.ts'
import { formatChecks, stepsTo } from '../../topologies/lab/report.ts'
import { checkBackend, openLab } from '../lab/open-lab.ts'
import { readTopology } from '../lab/topology.ts'

export interface LabOptions {
  readonly backend: 'memory' | 'netns'
  /** Controller and hosts speak TLS, each with a certificate of its own. */
  readonly tls: boolean
  /** Ends after the table of checks instead of serving. */
  readonly check: boolean
  /** Takes the lab down in order; it leaves no process, namespace or interface. */
  readonly signal: AbortSignal
}

/**
 * Brings up `file` (topologies/two-tenants.yaml when undefined), checks it, serves until the signal.
 * @returns the exit code: 0, or 1 when a check failed
 */
export async function lab(file: string | undefined, options: LabOptions): Promise<number> {
  const { backend, tls, check, signal } = options
  const { document, text } = readTopology(file)
  checkBackend(backend, document)
  const print = (line: string) => process.stdout.write(`${line}\n`)
  const step = stepsTo(print, () => performance.now())
  print(`Weft: ${document.name} on the ${backend} lab${tls ? ' over TLS' : ''}`)
  const opened = await openLab(backend, { document, text, tls, step, signal })
  try {
    step('checking on real packets')
    const results = await runChecks(opened, {
      signal,
      onResult: ({ name, durationMs }) => step(`${name} (${(durationMs / 1000).toFixed(1)} s)`),
    })
    print('')
    const columns = process.stdout.columns ?? 110
    for (const line of formatChecks(results, { columns, colour: process.stdout.isTTY })) print(line)
    const code = summarize(results).ok ? 0 : 1
    if (check) return code
    print('')
    for (const line of waysOf(opened)) print(line)
    print(`\nREST is at ${opened.url}/v1 (${opened.url}/openapi.json). Ctrl-C ends the lab.`)
    if (!signal.aborted) await once(signal, 'abort')
    step('taking the lab down')
    return code
  } finally {
    await opened.close()
  }
}

/** How somebody at another shell gets into the lab. */
function waysOf(lab: Lab | NetnsLab): readonly string[] {
  if ('waysIn' in lab) return ['In another shell, as root:', ...lab.waysIn]
  return [
    'Guests and switches are inside of this process: --backend netns has some that a shell gets into.',
  ]
}
