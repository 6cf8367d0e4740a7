package dialect

import (
	"fmt"
	"strings"
	"time"

	"github.com/neurod/neurod/models"
)

// Listing selects jobs of a project.
type Listing struct {
	ProjectID string
	// IDs selects these jobs, items or not.
	IDs    []string
	States []models.JobState // none for all
	Kinds  []models.JobKind  // none for all
	// ParentID selects the items of a batch; when empty, jobs that are not items are listed.
	ParentID string
	// BeforeID continues a list that ended with this job; AfterItem one of items.
	BeforeID  string
	AfterItem *int
	Limit     int
	// Before and After select by when jobs were made, which their ids begin with; nil for any time. They are for jobs that are not items.
	Before, After *time.Time
}

// Query returns the listing's SELECT; mark writes the n-th parameter, from 1.
func (l Listing) Query(mark func(n int) string) (string, []any) {
	var q strings.Builder
	args := []any{}
	arg := func(v any) string {
		args = append(args, v)
		return mark(len(args))
	}
	fmt.Fprintf(&q, "SELECT %s FROM jobs WHERE project_id = %s", JobColumns, arg(l.ProjectID))
	if l.IDs != nil {
		q.WriteString(" AND id IN (")
		for i, id := range l.IDs {
			q.WriteString(separator(i) + arg(id))
		}
		q.WriteString(")")
	}
	if l.ParentID != "" {
		fmt.Fprintf(&q, " AND parent_id = %s", arg(l.ParentID))
		if l.AfterItem != nil {
			fmt.Fprintf(&q, " AND item_index > %s", arg(*l.AfterItem))
		}
	} else {
		if l.IDs == nil {
			q.WriteString(" AND parent_id IS NULL")
		}
		if l.BeforeID != "" {
			fmt.Fprintf(&q, " AND id < %s", arg(l.BeforeID))
		}
	}
	if l.Before != nil {
		fmt.Fprintf(&q, " AND id < %s", arg(FirstID(*l.Before)))
	}
	if l.After != nil {
		fmt.Fprintf(&q, " AND id >= %s", arg(FirstID(*l.After)))
	}
	if len(l.States) > 0 {
		q.WriteString(" AND state IN (")
		for i, s := range l.States {
			q.WriteString(separator(i) + arg(string(s)))
		}
		q.WriteString(")")
	}
	if len(l.Kinds) > 0 {
		q.WriteString(" AND kind IN (")
		for i, k := range l.Kinds {
			q.WriteString(separator(i) + arg(string(k)))
		}
		q.WriteString(")")
	}
	if l.ParentID != "" {
		q.WriteString(" ORDER BY item_index")
	} else {
		q.WriteString(" ORDER BY id DESC")
	}
	fmt.Fprintf(&q, " LIMIT %s", arg(l.Limit))
	return q.String(), args
}

func separator(i int) string {
	if i == 0 {
		return ""
	}
	return ", "
}
