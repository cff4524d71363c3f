import type { Project } from "./types.js";

/** What a {@link ProjectCache} asks: a client, or anything else that knows projects. */
export interface ProjectSource {
  getProject(id: number): Promise<Project>;
}

/** Remembers projects for a while. Calls at the same time for one project make one request; an error is not remembered. */
export class ProjectCache {
  readonly #source: ProjectSource;
  readonly #ttl: number;
  readonly #now: () => number;
  readonly #known = new Map<number, { until: number; project: Promise<Project> }>();

  /**
   * @param source - usually a client
   * @param options - `ttl`: for how many milliseconds a project is remembered, an hour unless said otherwise;
   * `now`: the clock, for tests
   */
  constructor(source: ProjectSource, options: { ttl?: number; now?: () => number } = {}) {
    this.#source = source;
    this.#ttl = options.ttl ?? 3_600_000;
    this.#now = options.now ?? Date.now;
  }

  /** The project as it was at most `ttl` ago. */
  getProject(id: number): Promise<Project> {
    const known = this.#known.get(id);
    if (known && this.#now() < known.until) return known.project;
    const entry = { until: this.#now() + this.#ttl, project: this.#source.getProject(id) };
    this.#known.set(id, entry);
    entry.project.catch(() => {
      if (this.#known.get(id) === entry) this.#known.delete(id);
    });
    return entry.project;
  }

  /** Forgets one project, or all. */
  invalidate(id?: number): void {
    if (id === undefined) this.#known.clear();
    else this.#known.delete(id);
  }
}
