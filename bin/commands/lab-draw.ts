/** `weft lab draw`: the picture of a topology on standard output. Neighbours: lab-options.ts, ../../topologies/picture/draw.ts. */
import { fileURLToPath } from 'node:url'
import { drawTopology } from '../../topologies/picture/draw.ts'
import { readDocument } from '../document.ts'

const TWO_TENANTS = fileURLToPath(new URL('../../topologies/two-tenants.yaml', import.meta.url))

/** @param file `-` is standard input. @returns the exit code @throws FileError, DocumentError */
export function draw(file: string | undefined): number {
  const document = readDocument(file ?? TWO_TENANTS, file ?? 'topologies/two-tenants.yaml')
  process.stdout.write(drawTopology(document))
  return 0
}
