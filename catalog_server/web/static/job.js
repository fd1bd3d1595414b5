// Follows a job until it is over, then shows the page as it is at the end.

const box = document.querySelector("[data-job]");
const bar = box.querySelector("progress");

async function follow() {
  try {
    const response = await fetch(box.dataset.job);
    if (response.status === 401) return location.reload();
    const job = await response.json();
    if (job.is_over) return location.reload();
    box.querySelector("[data-state]").textContent = job.state;
    if (job.total) {
      bar.max = job.total;
      bar.value = job.done;
      box.querySelector("[data-count]").textContent = `${job.done} of ${job.total}`;
    }
  } catch {
    // The server may be restarting: ask again.
  }
  setTimeout(follow, 700);
}

follow();
