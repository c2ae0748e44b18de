/** `weft lab`: a topology brought up, checked on real packets, served. Neighbours: ../weft.ts, ../../topologies/lab. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { runChecks, summarize } from '../../topologies/lab/checks/checks.ts'
import type { Lab } from '../../topologies/lab/lab.ts'
import { NetnsError } from '../../topologies/lab/netns/error.ts'
import type { NetnsLab, NetnsLabOptions } from '../../topologies/lab/netns/lab.ts'
import { missingForNetns } from '../../topologies/lab/netns/requirements.ts'
import { formatChecks, stepsTo } from '../../topologies/lab/report.ts'
import { readDocument } from '../document.ts'

export interface LabOptions {
  readonly backend: 'memory' | 'netns'
  /** Controller and hosts speak TLS, each with a certificate of its own. */
  readonly tls: boolean
  /** Ends after the table of checks instead of serving. */
  readonly check: boolean
  /** Takes the lab down in order; it leaves no process, namespace or interface. */
  readonly signal: AbortSignal
}

const TWO_TENANTS = fileURLToPath(new URL('../../topologies/two-tenants.yaml', import.meta.url))

/**
 * Brings up `file` (topologies/two-tenants.yaml when undefined), checks it, serves until the signal.
 * @returns the exit code: 0, or 1 when a check failed
 */
export async function lab(file: string | undefined, options: LabOptions): Promise<number> {
  const { backend, tls, check, signal } = options
  const path = file ?? TWO_TENANTS
  const document = readDocument(path, file ?? 'topologies/two-tenants.yaml')
  const missing = backend === 'netns' ? missingForNetns(document) : undefined
  if (missing !== undefined) throw new NetnsError(`the netns lab ${missing}`)
  const print = (line: string) => process.stdout.write(`${line}\n`)
  const step = stepsTo(print, () => performance.now())
  print(`Weft: ${document.name} on the ${backend} lab${tls ? ' over TLS' : ''}`)
  const opened = await open(backend, { document, documentFile: path, tls, step, signal })
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
    'Guests and switches are inside of this process: --lab netns has some that a shell gets into.',
  ]
}

type Bringup = Required<
  Pick<NetnsLabOptions, 'document' | 'documentFile' | 'tls' | 'signal' | 'step'>
>

async function open(backend: LabOptions['backend'], options: Bringup): Promise<Lab | NetnsLab> {
  if (backend === 'netns') {
    const { openNetnsLab } = await import('../../topologies/lab/netns/lab.ts')
    return openNetnsLab(options)
  }
  const { openMemoryLab } = await import('../../topologies/lab/memory/lab.ts')
  const { document, tls, step, signal } = options
  return openMemoryLab({ document, tls, step, signal })
}
