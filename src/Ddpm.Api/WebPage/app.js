// The page at /: talks to the same API as everyone else. No framework, nothing from elsewhere.
const $ = selector => document.querySelector(selector);
const refreshMs = 5000;
const ended = status => ['succeeded', 'failed', 'cancelled'].includes(status);

/** Makes an element; strings among the children become text, never markup. */
function el(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

class ApiError extends Error {
  constructor(problem, status) {
    const fields = Object.entries(problem.errors ?? {}).flatMap(([field, messages]) => messages.map(message => `${field} ${message}`.trim()));
    super(fields.length ? fields.join('\n') : problem.detail ?? problem.title ?? `The server answered ${status}.`);
    if (status === 401) askForKey();
  }
}

/** The key goes to the server once; a cookie that no script can read stands for it after that. */
function askForKey() {
  if (!$('#sign-in').open) $('#sign-in').showModal();
}

async function api(path, { method = 'GET', json, headers = {}, ...rest } = {}) {
  const response = await fetch(path, {
    method,
    headers: { ...(json ? { 'Content-Type': 'application/json' } : {}), ...headers },
    body: json ? JSON.stringify(json) : undefined,
    ...rest,
  });
  if (!response.ok) throw new ApiError(await response.json().catch(() => ({})), response.status);
  return response.status === 204 ? null : response.json();
}

/** Runs a form's work with its button off, and shows what goes wrong under it. */
function onSubmit(form, work) {
  const error = form.querySelector('.error');
  form.addEventListener('submit', async event => {
    event.preventDefault();
    error.hidden = true;
    const buttons = form.querySelectorAll('button');
    buttons.forEach(button => { button.disabled = true; });
    try {
      await work(new FormData(form));
    } catch (reason) {
      error.textContent = reason.message;
      error.hidden = false;
    } finally {
      buttons.forEach(button => { button.disabled = false; });
    }
  });
}

const number = (data, name) => data.get(name) ? Number(data.get(name)) : undefined;
const fact = (name, value) => value === null || value === undefined || value === '' ? null : el('span', {}, `${name} `, el('b', {}, String(value)));
const badge = status => el('span', { className: `status ${status}` }, status);
const short = (value, digits = 4) => value === null || value === undefined ? null : Number(value.toPrecision(digits)).toString();

function duration(seconds) {
  if (seconds === null || seconds === undefined) return null;
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.round(seconds) % 60];
  return h ? `${h} h ${m} min` : m ? `${m} min ${s} s` : `${s} s`;
}

function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const unit = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, count)) / 10));
  return `${short(count / 2 ** (10 * unit), 3)} ${units[unit]}`;
}

function action(text, work) {
  const button = el('button', { type: 'button', className: 'quiet small' }, text);
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      await work();
    } catch (reason) {
      alert(reason.message);
    } finally {
      button.disabled = false;
      await refresh();
    }
  });
  return button;
}

// ---- Draw

const sampleForm = $('#sample-form');
sampleForm.sampler.addEventListener('change', () => { $('#eta-row').hidden = sampleForm.sampler.value !== 'ddim'; });
$('#next-seed').addEventListener('click', () => {
  sampleForm.seed.value = Number(sampleForm.seed.value || 0) + 1;
  sampleForm.requestSubmit();
});

onSubmit(sampleForm, async data => {
  const [kind, id] = (data.get('source') || '').split(' ');
  const sample = await api('/samples', {
    method: 'POST',
    json: {
      ...(kind ? { [kind]: id } : {}),
      count: number(data, 'count'),
      seed: number(data, 'seed'),
      sampler: data.get('sampler'),
      steps: number(data, 'steps'),
      ...(data.get('sampler') === 'ddim' ? { eta: number(data, 'eta') } : {}),
    },
  });
  await watchSample(sample);
  await refresh();
});

function watchSample(sample) {
  const bar = el('progress', { max: 1, value: 0 });
  const text = el('figcaption', {}, 'Waiting for a worker…');
  $('#picture').replaceChildren(bar, text);
  return new Promise((resolve, reject) => {
    const events = new EventSource(sample.links.events);
    events.addEventListener('progress', event => {
      const now = JSON.parse(event.data);
      bar.value = now.progress;
      text.textContent = now.status === 'queued' ? 'Waiting for a worker…' : `Drawing: ${Math.round(now.progress * 100)} %`;
    });
    events.addEventListener('ended', event => {
      events.close();
      const done = JSON.parse(event.data);
      if (done.status === 'succeeded') {
        showSample(done);
        resolve();
      } else {
        $('#picture').replaceChildren(el('div', { className: 'placeholder' }, 'No pictures.'));
        reject(new Error(done.error ?? `The request was ${done.status}.`));
      }
    });
  });
}

function showSample(sample) {
  const { spec } = sample;
  $('#picture').replaceChildren(
    el('img', { src: sample.links.grid, alt: `${spec.count} pictures drawn with seed ${spec.seed}` }),
    el('figcaption', {},
      `${sample.model ?? 'checkpoint'} · seed ${spec.seed} · ${spec.sampler}, ${spec.steps} steps`
      + (sample.durationSeconds ? ` · ${short(sample.durationSeconds, 3)} s on ${sample.device}` : ''),
      ' · ', el('a', { href: sample.links.grid, download: `samples-${spec.seed}.png` }, 'save')));
}

function listSamples(samples) {
  const drawn = samples.filter(sample => sample.links.grid);
  keyed($('#recent'), drawn, sample => sample.id, sample => {
    const picture = el('img', { src: sample.links.grid, alt: `Seed ${sample.spec.seed}`, title: `${sample.model ?? 'checkpoint'}, seed ${sample.spec.seed}`, loading: 'lazy' });
    picture.addEventListener('click', () => showSample(sample));
    return picture;
  });
  if (drawn.length && $('#picture .placeholder')) showSample(drawn[0]);
}

function listSources(models, runs) {
  const select = sampleForm.source;
  const chosen = select.value;
  const trained = runs.filter(run => run.step > 0);
  select.replaceChildren(
    ...models.filter(model => model.checkpoint).map(model => el('option', { value: `model ${model.name}` }, model.name)),
    ...trained.map(run => el('option', { value: `trainingRunId ${run.id}` }, `run: ${run.name} (step ${run.step})`)));
  if (!select.options.length) select.append(el('option', { value: '' }, 'no model yet'));
  if ([...select.options].some(option => option.value === chosen)) select.value = chosen;
}

// ---- Training runs

onSubmit($('#run-form'), async data => {
  await api('/training-runs', {
    method: 'POST',
    json: {
      datasetId: data.get('datasetId'),
      name: data.get('name') || undefined,
      network: {
        blockOutChannels: data.get('channels').split(/[ ,]+/).filter(Boolean).map(Number),
        layersPerBlock: number(data, 'layersPerBlock'),
        normNumGroups: number(data, 'normNumGroups'),
      },
      training: { epochs: number(data, 'epochs'), batchSize: number(data, 'batchSize'), learningRate: number(data, 'learningRate') },
    },
  });
  await refresh();
});

const watched = new Map();

function runCard(run) {
  const parts = {
    status: el('span'), bar: el('progress', { max: 1 }), facts: el('p', { className: 'facts' }), error: el('p', { className: 'error' }),
    curve: el('div'), previews: el('div', { className: 'strip' }), actions: el('div', { className: 'actions' }),
  };
  const card = el('article', { className: 'card' },
    el('div', { className: 'head' }, el('h3', {}, run.name), parts.status),
    parts.bar, parts.facts, parts.error, parts.curve, parts.previews, parts.actions);
  card.update = now => {
    parts.status.replaceChildren(badge(now.status));
    parts.bar.value = now.progress;
    parts.bar.hidden = ended(now.status);
    parts.error.textContent = now.error ?? '';
    parts.error.hidden = !now.error;
    parts.facts.replaceChildren(...[
      fact('step', now.totalSteps ? `${now.step} / ${now.totalSteps}` : now.step), fact('epoch', short(now.epoch, 3)),
      fact('loss', short(now.loss)), fact('lr', short(now.learningRate, 3)), fact('|g|', short(now.gradNorm, 3)),
      fact('images/s', short(now.imagesPerSecond, 3)), fact('left', duration(now.etaSeconds)),
    ].filter(Boolean));
    parts.actions.replaceChildren(...(ended(now.status)
      ? [now.status === 'succeeded' ? null : action('Resume', () => api(`${now.links.self}/resume`, { method: 'POST' })),
        now.step > 0 ? action('Name as model', () => nameModel(now)) : null]
      : [action('Cancel', () => api(`${now.links.self}/cancel`, { method: 'POST' }))]).filter(Boolean));
    if (now.status === 'running') watch(now, card);
  };
  card.addPreview = preview => {
    if ([...parts.previews.children].some(picture => picture.dataset.step === String(preview.step))) return;
    const picture = el('img', { src: preview.url, alt: `Preview after step ${preview.step}`, title: `step ${preview.step}, epoch ${short(preview.epoch, 3)}` });
    picture.dataset.step = preview.step;
    picture.addEventListener('click', () => open(preview.url));
    const after = [...parts.previews.children].find(other => Number(other.dataset.step) < preview.step);
    parts.previews.insertBefore(picture, after ?? null);
  };
  card.drawCurve = async () => parts.curve.replaceChildren(curve(await api(`${run.links.metrics}?limit=1000000`)) ?? '');
  api(`${run.links.previews}?limit=30`).then(page => page.items.forEach(card.addPreview)).catch(() => {});
  card.drawCurve().catch(() => {});
  return card;
}

function watch(run, card) {
  if (watched.has(run.id)) return;
  const events = new EventSource(run.links.events);
  watched.set(run.id, events);
  let drawnAt = 0;
  events.addEventListener('progress', event => {
    const now = JSON.parse(event.data);
    card.update(now);
    if (now.step > drawnAt && Date.now() - (card.curveAt ?? 0) > refreshMs) {
      [drawnAt, card.curveAt] = [now.step, Date.now()];
      card.drawCurve().catch(() => {});
    }
  });
  events.addEventListener('preview', event => card.addPreview(JSON.parse(event.data)));
  events.addEventListener('ended', event => {
    events.close();
    watched.delete(run.id);
    card.update(JSON.parse(event.data));
    card.drawCurve().catch(() => {});
    refresh();
  });
}

/** The loss over the steps, both axes from the data; the loss is logarithmic. */
function curve(points) {
  const known = points.filter(point => point.loss > 0);
  if (known.length < 2) return null;
  const stride = Math.ceil(known.length / 600);
  const shown = known.filter((_, index) => index % stride === 0);
  const [losses, steps] = [shown.map(point => Math.log(point.loss)), shown.map(point => point.step)];
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const path = shown.map((_, i) => {
    const x = 600 * (steps[i] - steps[0]) / Math.max(1, steps.at(-1) - steps[0]);
    const y = 5 + 90 * (high - losses[i]) / Math.max(1e-9, high - low);
    return `${i ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
  }).join('');
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  for (const [name, value] of Object.entries({ viewBox: '0 0 600 100', preserveAspectRatio: 'none', class: 'curve', role: 'img' })) svg.setAttribute(name, value);
  svg.setAttribute('aria-label', `Loss from ${short(known[0].loss)} to ${short(known.at(-1).loss)}`);
  svg.append(document.createElementNS('http://www.w3.org/2000/svg', 'path'));
  svg.firstChild.setAttribute('d', path);
  return svg;
}

async function nameModel(run) {
  const { items: [newest] } = await api(`${run.links.checkpoints}?limit=1`);
  if (!newest) throw new Error('The run has no checkpoint.');
  const name = prompt('Name of the model (lower-case letters, digits, . _ -):', run.name.toLowerCase().replaceAll(/[^a-z0-9._-]+/g, '-'));
  if (name) await api(`/models/${encodeURIComponent(name)}`, { method: 'PUT', json: { checkpointId: newest.id } });
}

// ---- Datasets

const datasetForm = $('#dataset-form');
const drop = $('#drop');
for (const type of ['dragenter', 'dragover']) drop.addEventListener(type, event => { event.preventDefault(); drop.classList.add('over'); });
for (const type of ['dragleave', 'drop']) drop.addEventListener(type, event => { event.preventDefault(); drop.classList.remove('over'); });
drop.addEventListener('drop', event => { datasetForm.file.files = event.dataTransfer.files; });

onSubmit(datasetForm, async data => {
  const options = {
    name: data.get('name') || undefined,
    resolution: number(data, 'resolution'),
    limit: number(data, 'limit'),
    deduplicate: data.has('deduplicate'),
  };
  if (data.get('file')?.size) {
    const body = new FormData();
    for (const [name, value] of Object.entries(options)) if (value !== undefined) body.append(name, value);
    body.append('file', data.get('file'));
    await upload('/datasets', body, datasetForm.querySelector('progress'));
  } else {
    await api('/datasets', { method: 'POST', json: { ...options, source: { kind: 'builtin', name: 'faces', count: options.limit ?? 1000 } } });
  }
  datasetForm.file.value = '';
  await refresh();
});

/** fetch tells nothing of how far an upload is; XMLHttpRequest does. */
function upload(path, body, bar) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', path);
    request.responseType = 'json';
    request.upload.addEventListener('progress', event => { [bar.hidden, bar.value] = [false, event.loaded / event.total]; });
    request.addEventListener('loadend', () => {
      bar.hidden = true;
      if (request.status >= 200 && request.status < 300) resolve(request.response);
      else reject(request.status ? new ApiError(request.response ?? {}, request.status) : new Error('The connection broke. The file may be larger than the server takes.'));
    });
    request.send(body);
  });
}

function datasetCard() {
  const card = el('article', { className: 'card' });
  card.update = now => {
    const text = JSON.stringify(now);
    if (card.shown === text) return;
    card.shown = text;
    const skipped = now.skipped.slice(0, 5).map(file => `${file.name}: ${file.reason}`).join('\n');
    card.replaceChildren(...[
      el('div', { className: 'head' }, el('h3', {}, now.name), badge(now.status)),
      ended(now.status) ? null : el('progress', { max: 1, value: now.progress }),
      now.error ? el('p', { className: 'error' }, now.error) : null,
      now.links.preview ? el('img', { className: 'cover', src: now.links.preview, alt: `Pictures of ${now.name}`, loading: 'lazy' }) : null,
      el('p', { className: 'facts' }, ...[
        fact('pictures', now.imageCount), fact('size', `${now.resolution} × ${now.resolution} × ${now.channels}`),
        fact('duplicates', now.duplicateCount || null), fact('skipped', now.skippedCount || null),
        fact('classes', now.classes.length || null), fact('on disk', now.bytes ? bytes(now.bytes) : null),
      ].filter(Boolean)),
      skipped ? el('details', {}, el('summary', {}, 'Skipped files'), el('p', { className: 'error' }, skipped)) : null,
      el('div', { className: 'actions' }, action('Delete', async () => {
        if (confirm(`Delete the dataset ${now.name}?`)) await api(now.links.self, { method: 'DELETE' });
      })),
    ].filter(Boolean));
  };
  return card;
}

function listChoices(datasets) {
  const select = $('#run-form').datasetId;
  const chosen = select.value;
  const ready = datasets.filter(dataset => dataset.status === 'succeeded');
  select.replaceChildren(...ready.map(dataset => el('option', { value: dataset.id }, `${dataset.name} (${dataset.imageCount} × ${dataset.resolution}²)`)));
  if (!ready.length) select.append(el('option', { value: '' }, 'make a dataset first'));
  if ([...select.options].some(option => option.value === chosen)) select.value = chosen;
}

// ---- Models

function modelCard() {
  const card = el('article', { className: 'card' });
  card.update = now => {
    const text = JSON.stringify(now);
    if (card.shown === text) return;
    card.shown = text;
    const { checkpoint } = now;
    card.replaceChildren(...[
      el('div', { className: 'head' }, el('h3', {}, now.name), badge(now.status === 'succeeded' ? 'ready' : now.status)),
      now.description ? el('p', { className: 'soft' }, now.description) : null,
      now.error ? el('p', { className: 'error' }, now.error) : null,
      checkpoint ? el('p', { className: 'facts' }, ...[
        fact('size', `${checkpoint.resolution} × ${checkpoint.resolution}`), fact('parameters', checkpoint.parameters.toLocaleString('en')),
        fact('step', checkpoint.step || null), fact('file', bytes(checkpoint.bytes)),
      ].filter(Boolean)) : null,
      el('div', { className: 'actions' }, ...[
        checkpoint ? el('a', { href: checkpoint.links.archive }, 'Download') : null,
        action('Delete', async () => { if (confirm(`Delete the model ${now.name}?`)) await api(now.links.self, { method: 'DELETE' }); }),
      ].filter(Boolean)),
    ].filter(Boolean));
  };
  return card;
}

// ---- Keeping up

/** Makes the children of a list match its items, keeping the elements of those that stay. */
function keyed(list, items, key, make, empty) {
  const old = new Map([...list.children].map(child => [child.dataset.key, child]));
  const now = items.map(item => {
    const child = old.get(key(item)) ?? make(item);
    child.dataset.key = key(item);
    child.update?.(item);
    return child;
  });
  if (!now.length && empty) now.push(el('p', { className: 'soft' }, empty));
  if (now.length !== list.children.length || now.some((child, index) => child !== list.children[index])) list.replaceChildren(...now);
}

async function refresh() {
  if ($('#sign-in').open) return;
  try {
    const session = await api('/session');
    $('#sign-out').hidden = !session.bySession;
    $('#sign-out').title = `${session.account}, ${session.role}`;
    $('#queues').hidden = session.role !== 'admin';
    const [system, models, runs, datasets, samples] = await Promise.all(
      ['/system', '/models?limit=100', '/training-runs?limit=20', '/datasets?limit=50', '/samples?limit=12'].map(path => api(path)));
    const waiting = system.queues.reduce((sum, queue) => sum + queue.queued, 0);
    $('#system').textContent = `Version ${system.version} · `
      + (system.workers.length ? system.workers.map(worker => worker.device).join(', ') : 'no worker: work waits until one starts')
      + (waiting ? ` · ${waiting} waiting` : '');
    listSources(models.items, runs.items);
    listChoices(datasets.items);
    listSamples(samples.items);
    keyed($('#runs'), runs.items, run => run.id, runCard, 'No training run yet.');
    keyed($('#datasets'), datasets.items, dataset => dataset.id, datasetCard, 'No dataset yet.');
    keyed($('#models'), models.items, model => model.name, modelCard, 'No model yet: train one and name it.');
  } catch (reason) {
    $('#system').textContent = $('#sign-in').open ? 'Not signed in' : `The server does not answer: ${reason.message}`;
  }
}

onSubmit($('#sign-in-form'), async data => {
  const response = await fetch('/session', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ key: data.get('key') }) });
  if (!response.ok) throw new Error((await response.json().catch(() => ({}))).detail ?? `The server answered ${response.status}.`);
  $('#sign-in-form').reset();
  $('#sign-in').close();
  await refresh();
});
$('#sign-in').addEventListener('cancel', event => event.preventDefault()); // there is nothing to see behind it
$('#sign-out').addEventListener('click', async () => {
  await fetch('/session', { method: 'DELETE' });
  location.reload();
});

await refresh();
setInterval(() => { if (!document.hidden) refresh(); }, refreshMs);
