/** A topology on one of the back ends, each loaded when it is asked for. Neighbours: lab-process.ts, ../commands/lab.ts, ../commands/lab-test.ts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lab, LabDocument, Step } from '../../topologies/lab/lab.ts'
import { NetnsError } from '../../topologies/lab/netns/error.ts'
import { missingForNetns } from '../../topologies/lab/netns/requirements.ts'
import { UsageError } from '../usage.ts'
import type { Backend } from './control-schema.ts'

export interface OpenLabOptions {
  readonly document: LabDocument
  /** The document as it was read. */
  readonly text: string
  /** Controller and hosts speak TLS. */
  readonly tls: boolean
  /** Of the memory lab: virtual time, and everything that is random. */
  readonly seed?: number | undefined
  /** File for what happened; of a lab with a seed. */
  readonly trace?: string | undefined
  readonly signal: AbortSignal
  readonly step: Step
}

/** What the lab cannot have here, before anything is started. @throws NetnsError */
export function checkBackend(backend: Backend, document: LabDocument): void {
  const missing = backend === 'netns' ? missingForNetns(document) : undefined
  if (missing !== undefined) throw new NetnsError(`the netns lab ${missing}`)
}

/** Brings it up; when that fails nothing is left. @throws NetnsError, DocumentError, UsageError */
export async function openLab(backend: Backend, options: OpenLabOptions): Promise<Lab> {
  checkBackend(backend, options.document)
  const { document, text, tls, seed, trace, step, signal } = options
  if (tls && backend === 'vagrant')
    throw new UsageError('--tls is for labs of one machine: memory and netns')
  if (backend === 'vagrant') {
    const { openVagrantLab } = await import('../../topologies/lab/vagrant/lab.ts')
    return openVagrantLab({ document, text, step, signal })
  }
  if (backend === 'netns') {
    const { openNetnsLab } = await import('../../topologies/lab/netns/lab.ts')
    // The lab's controller reads it once, at its first start.
    const folder = mkdtempSync(join(tmpdir(), 'weft-document-'))
    try {
      const documentFile = join(folder, 'document.yaml')
      writeFileSync(documentFile, text)
      return await openNetnsLab({ document, documentFile, tls, step, signal })
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
  const { openMemoryLab } = await import('../../topologies/lab/memory/lab.ts')
  return openMemoryLab({ document, tls, seed, trace, step, signal })
}
