/**
 * The process that is a lab: brings it up, answers at its control socket, takes it down by `weft lab down` or a signal. Who has
 * started it may be a terminal that looks on (`--foreground`), or `weft lab up`, which is told by messages how far it is and goes
 * when all is up; when that one goes before, so does the lab. Neighbours: run-folder.ts, control-server.ts, start-lab.ts.
 */
import { once } from 'node:events'
import type { Lab, LabDocument } from '../../topologies/lab/lab.ts'
import type { Backend } from './control-schema.ts'
import { serveControl } from './control-server.ts'
import { checkBackend, openLab } from './open-lab.ts'
import { claimFolder } from './run-folder.ts'

/** What the process tells who has started it. */
export type Told = { readonly kind: 'step'; readonly text: string } | { readonly kind: 'up' }

export interface LabProcessOptions {
  readonly name: string
  readonly backend: Backend
  readonly document: LabDocument
  /** Where it was read from, for people. */
  readonly file: string
  /** As it was read. */
  readonly text: string
  readonly digest: string
  readonly tls: boolean
  readonly signal: AbortSignal
  readonly step: (text: string) => void
  readonly onUp: (lab: Lab) => void
}

/** Ends with the lab, and leaves nothing. @throws LabError, NetnsError, DocumentError */
export async function runLab(options: LabProcessOptions): Promise<void> {
  const { name, backend, document, text, file, digest, tls, signal, step, onUp } = options
  checkBackend(backend, document)
  const own = await claimFolder({ name, backend, document: document.name, file, digest, tls })
  const down = new AbortController()
  const ends = AbortSignal.any([signal, down.signal])
  await using closing = new AsyncDisposableStack()
  closing.defer(() => own.remove())
  let lab: Lab | undefined
  const control = await serveControl({
    own,
    lab: () => lab,
    signal: ends,
    onDown: () => down.abort(new Error('stopped by weft lab down')),
  })
  closing.defer(() => control.close())
  // What this process leaves in the folder for temporary files when it is killed goes with its own folder.
  if (backend === 'memory') process.env.TMPDIR = own.folder
  try {
    lab = await openLab(backend, {
      ...{ document, text, tls, step },
      signal: ends,
    })
  } catch (error) {
    if (down.signal.aborted) return
    throw error
  }
  const opened = lab
  closing.defer(() => opened.close())
  own.isUp(opened.url)
  onUp(opened)
  if (!ends.aborted) await once(ends, 'abort')
  step('taking the lab down')
}
