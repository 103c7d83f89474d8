// Does the work a lookup has to be earned with, while the person looks over what was typed. Without it one waits.
const field = document.querySelector("input[data-challenge]");
const says = document.getElementById("challenge-says");

async function work() {
    const { solveChallenge, pbkdf2 } = await import(field.dataset.lib);
    const challenge = JSON.parse(field.dataset.challenge);
    const solution = await solveChallenge({ challenge, deriveKey: pbkdf2.deriveKey });
    if (solution === null) return;
    field.value = btoa(JSON.stringify({ challenge, solution }));
    says.textContent = field.dataset.done;
}

// crypto.subtle is missing where the page is not secure and in very old browsers: there the waiting time stays.
if (field && window.crypto && window.crypto.subtle) {
    const wait = says.textContent;
    const button = field.form.querySelector("button");
    says.textContent = field.dataset.busy;
    button.disabled = true;
    work()
        .catch(() => { says.textContent = wait; })
        .finally(() => { button.disabled = false; });
}
